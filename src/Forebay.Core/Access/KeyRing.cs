using System.Collections.Frozen;
using Forebay.Core.Time;

namespace Forebay.Core.Access;

/// <summary>What came of checking a key.</summary>
public enum KeyCheck : byte
{
    Valid,
    Missing,
    Unknown,
    Expired,
    Revoked,
}

/// <summary>
/// Immutable snapshot of all API keys, looked up by hash: one SHA-256 and one table probe a request, no allocation.
/// </summary>
public sealed class KeyRing
{
    /// <summary>Most rotations that are followed.</summary>
    private const int MostSuccessors = 32;

    private readonly FrozenDictionary<SecretHash, ApiKey> _byHash;
    private readonly FrozenDictionary<string, ApiKey> _byId;

    public KeyRing(IEnumerable<ApiKey> keys)
    {
        ApiKey[] all = [.. keys];
        _byHash = all.ToFrozenDictionary(k => k.Hash);
        _byId = all.ToFrozenDictionary(k => k.Id, StringComparer.Ordinal);
    }

    public static KeyRing Empty { get; } = new([]);

    public int Count => _byHash.Count;

    /// <summary>Checks a presented secret. The key is set for every answer but missing and unknown.</summary>
    /// <param name="secret">What the client sent.</param>
    /// <param name="now">The present.</param>
    /// <param name="key">Whose it is.</param>
    /// <param name="memo">What its connection remembers, or null.</param>
    public KeyCheck Check(ReadOnlySpan<char> secret, Instant now, out ApiKey? key, SecretMemo? memo = null)
    {
        key = null;
        if (secret.IsEmpty)
        {
            return KeyCheck.Missing;
        }

        // The table probe is by SHA-256, so its timing tells nothing about a secret's prefix.
        bool hashed = memo is null
            ? SecretHash.TryCompute(secret, out SecretHash hash)
            : memo.TryHash(secret, out hash);
        if (!hashed
            || !_byHash.TryGetValue(hash, out ApiKey? found)
            || !found.Hash.FixedTimeEquals(hash))
        {
            return KeyCheck.Unknown;
        }

        key = found;
        return Check(found, now);
    }

    /// <summary>Checks a key by its id: for work that was handed over under it before. One that expired because it was
    /// rotated hands on to the key that took its place; one that was revoked does not.</summary>
    public KeyCheck CheckId(string id, Instant now, out ApiKey? key)
    {
        KeyCheck check = KeyCheck.Unknown;
        key = null;
        for (int i = 0; i < MostSuccessors && _byId.TryGetValue(id, out ApiKey? found); i++)
        {
            key = found;
            check = Check(found, now);
            if (check != KeyCheck.Expired || found.ReplacedBy is not { } successor)
            {
                break;
            }

            id = successor;
        }

        return check;
    }

    private static KeyCheck Check(ApiKey key, Instant now) =>
        key.RevokedUnixMs is { } revoked && revoked <= now.WallUnixMs ? KeyCheck.Revoked
        : key.ExpiresUnixMs is { } expires && expires <= now.WallUnixMs ? KeyCheck.Expired
        : KeyCheck.Valid;
}

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
    private readonly FrozenDictionary<SecretHash, ApiKey> _byHash;

    public KeyRing(IEnumerable<ApiKey> keys) => _byHash = keys.ToFrozenDictionary(k => k.Hash);

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
        if (found.RevokedUnixMs is { } revoked && revoked <= now.WallUnixMs)
        {
            return KeyCheck.Revoked;
        }

        return found.ExpiresUnixMs is { } expires && expires <= now.WallUnixMs ? KeyCheck.Expired : KeyCheck.Valid;
    }
}

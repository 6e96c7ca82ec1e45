using System.Security.Cryptography;
using System.Text;

namespace Forebay.Core.Access;

/// <summary>SHA-256 of a secret. Secrets themselves are never stored.</summary>
public readonly record struct SecretHash(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>Hashes a secret as UTF-8. Allocates nothing for secrets up to 256 bytes; longer ones match nothing.
    /// </summary>
    public static bool TryCompute(ReadOnlySpan<char> secret, out SecretHash hash)
    {
        Span<byte> utf8 = stackalloc byte[256];
        if (secret.IsEmpty || !Encoding.UTF8.TryGetBytes(secret, utf8, out int written))
        {
            hash = default;
            return false;
        }

        Span<byte> digest = stackalloc byte[32];
        SHA256.HashData(utf8[..written], digest);
        hash = FromBytes(digest);
        return true;
    }

    public static SecretHash FromBytes(ReadOnlySpan<byte> digest) => new(
        BitConverter.ToUInt64(digest),
        BitConverter.ToUInt64(digest[8..]),
        BitConverter.ToUInt64(digest[16..]),
        BitConverter.ToUInt64(digest[24..]));

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[32];
        BitConverter.TryWriteBytes(bytes, A);
        BitConverter.TryWriteBytes(bytes.AsSpan(8), B);
        BitConverter.TryWriteBytes(bytes.AsSpan(16), C);
        BitConverter.TryWriteBytes(bytes.AsSpan(24), D);
        return bytes;
    }

    /// <summary>Compares in time that does not depend on where the two differ.</summary>
    public bool FixedTimeEquals(in SecretHash other) =>
        ((A ^ other.A) | (B ^ other.B) | (C ^ other.C) | (D ^ other.D)) == 0;
}

/// <summary>An API key as stored. The secret is shown once, at creation, and kept only as a hash.</summary>
/// <param name="Id">Public id, such as <c>key_7f3a…</c>; appears in usage and audit.</param>
/// <param name="Tenant">The tenant it belongs to.</param>
/// <param name="Name">What its owner calls it.</param>
/// <param name="Hash">SHA-256 of the secret.</param>
/// <param name="Hint">First characters of the secret, to recognise it by.</param>
/// <param name="CreatedUnixMs">Wall time of creation.</param>
/// <param name="ExpiresUnixMs">Wall time from which it is refused, or null.</param>
/// <param name="RevokedUnixMs">Wall time of revocation, or null.</param>
/// <param name="Models">Models it may use, or null for all that its tenant may.</param>
/// <param name="ReplacedBy">Id of the key that a rotation put in its place, or null.</param>
/// <param name="DataClass">The data class of all its requests, which none can leave; null for none.</param>
public sealed record ApiKey(
    string Id,
    string Tenant,
    string Name,
    SecretHash Hash,
    string Hint,
    long CreatedUnixMs,
    long? ExpiresUnixMs,
    long? RevokedUnixMs,
    IReadOnlyList<string>? Models,
    string? ReplacedBy = null,
    string? DataClass = null);

/// <summary>What an admin token may do: each role includes the ones before it.</summary>
public enum AdminRole : byte
{
    /// <summary>Read everything but secrets.</summary>
    Viewer,

    /// <summary>Also drain, reload, create and revoke keys.</summary>
    Operator,

    /// <summary>Also manage admin tokens, back up and restore.</summary>
    Admin,
}

/// <summary>A token of the admin API as stored.</summary>
public sealed record AdminToken(
    string Id,
    string Name,
    AdminRole Role,
    SecretHash Hash,
    string Hint,
    long CreatedUnixMs,
    long? ExpiresUnixMs,
    long? RevokedUnixMs);

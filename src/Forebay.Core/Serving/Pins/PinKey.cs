using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Forebay.Core.Serving;

/// <summary>
/// A signature or a name of server-side state as the map of pins knows it: a hash of tenant and value, so that nobody
/// finds out by asking what was issued to somebody else, and that no value is kept.
/// </summary>
/// <param name="Hash">The first 128 bits of SHA-256.</param>
public readonly record struct PinKey(UInt128 Hash)
{
    /// <summary>Hashes a value. Cost: that of SHA-256 over it, about a microsecond for a signature.</summary>
    /// <param name="tenant">Whose request or answer it stands in.</param>
    /// <param name="value">Its bytes, escapes resolved.</param>
    public static PinKey Of(string tenant, ReadOnlySpan<byte> value)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, tenant.Length);
        hash.AppendData(length);
        hash.AppendData(MemoryMarshal.AsBytes(tenant.AsSpan()));
        hash.AppendData(value);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return new PinKey(BinaryPrimitives.ReadUInt128LittleEndian(digest));
    }
}

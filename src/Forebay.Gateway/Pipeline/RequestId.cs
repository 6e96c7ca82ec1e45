using System.Buffers.Binary;

namespace Forebay.Gateway.Pipeline;

/// <summary>Request ids: 128 bits, ordered by time (UUID version 7, RFC 9562), written as <c>req_</c> and 32 hex
/// digits. They must be unique, not secret, so their random part costs no call into the kernel.</summary>
public static class RequestId
{
    public const string Prefix = "req_";

    private const ulong Version7 = 0x7000;
    private const ulong Variant = 0x8000_0000_0000_0000;

    public static UInt128 New(long wallUnixMs)
    {
        ulong random = (ulong)Random.Shared.NextInt64(1L << 62);
        ulong more = (ulong)Random.Shared.Next(1 << 12);
        return new UInt128((ulong)wallUnixMs << 16 | Version7 | more, Variant | random);
    }

    public static string Format(UInt128 id) => string.Create(Prefix.Length + 32, id, static (text, id) =>
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, id);
        Prefix.CopyTo(text);
        _ = Convert.TryToHexStringLower(bytes, text[Prefix.Length..], out _);
    });
}

using System.Buffers.Binary;

namespace Forebay.Gateway.Pipeline;

/// <summary>Request ids: 128 bits, ordered by time (UUID version 7), written as <c>req_</c> and 32 hex
/// digits.</summary>
public static class RequestId
{
    public const string Prefix = "req_";

    public static UInt128 New(DateTimeOffset wall)
    {
        Span<byte> bytes = stackalloc byte[16];
        Guid.CreateVersion7(wall).TryWriteBytes(bytes, bigEndian: true, out _);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    public static string Format(UInt128 id) => $"{Prefix}{id:x32}";
}

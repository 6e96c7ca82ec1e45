using System.IO.Compression;

namespace Forebay.Gateway.Bodies;

/// <summary>The request encodings: gzip, deflate, br from the framework, zstd from the system's libzstd where it is.
/// </summary>
public static class ContentDecoder
{
    /// <summary>The encodings that work on this machine, for messages.</summary>
    public static string Supported { get; } =
        ZstdStream.IsAvailable ? "gzip, deflate, br or zstd" : "gzip, deflate or br (libzstd is not installed here)";

    public static bool IsKnown(string? encoding) => encoding is null or "" || KindOf(encoding) != Kind.Unknown;

    /// <summary>Wraps a body in its decoder; the caller limits how much comes out.</summary>
    public static Stream Open(string encoding, Stream body) => KindOf(encoding) switch
    {
        Kind.Gzip => new GZipStream(body, CompressionMode.Decompress, leaveOpen: true),
        Kind.Deflate => new ZLibStream(body, CompressionMode.Decompress, leaveOpen: true),
        Kind.Brotli => new BrotliStream(body, CompressionMode.Decompress, leaveOpen: true),
        Kind.Zstd => new ZstdStream(body),
        _ => body,
    };

    private static Kind KindOf(string encoding) => encoding.Trim().ToLowerInvariant() switch
    {
        "identity" => Kind.Identity,
        "gzip" or "x-gzip" => Kind.Gzip,
        "deflate" => Kind.Deflate,
        "br" => Kind.Brotli,
        "zstd" when ZstdStream.IsAvailable => Kind.Zstd,
        _ => Kind.Unknown,
    };

    private enum Kind : byte
    {
        Unknown,
        Identity,
        Gzip,
        Deflate,
        Brotli,
        Zstd,
    }
}

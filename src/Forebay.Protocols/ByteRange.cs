namespace Forebay.Protocols;

/// <summary>A range of bytes in a buffer that somebody else holds. The default value is empty.</summary>
/// <param name="Start">Offset of the first byte.</param>
/// <param name="Length">Number of bytes.</param>
public readonly record struct ByteRange(int Start, int Length)
{
    /// <summary>Offset just after the last byte.</summary>
    public int End => Start + Length;

    public bool IsEmpty => Length == 0;

    /// <summary>The bytes themselves, in the buffer that the range was measured in.</summary>
    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> buffer) => buffer.Slice(Start, Length);

    internal static ByteRange Between(int start, int end) => new(start, end - start);
}

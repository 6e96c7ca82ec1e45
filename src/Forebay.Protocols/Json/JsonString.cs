namespace Forebay.Protocols.Json;

/// <summary>A JSON string as it stands in its buffer, escapes and all.</summary>
/// <param name="Start">Offset of the first byte after the opening quote.</param>
/// <param name="Length">Bytes up to the closing quote.</param>
/// <param name="TextLength">Bytes the text has in UTF-8 once its escapes are resolved.</param>
internal readonly record struct JsonString(int Start, int Length, int TextLength)
{
    public bool HasEscapes => TextLength != Length;

    /// <summary>The string with its quotes.</summary>
    public ByteRange Token => new(Start - 1, Length + 2);

    /// <summary>The bytes between the quotes, escapes unresolved.</summary>
    public ReadOnlySpan<byte> Raw(ReadOnlySpan<byte> json) => json.Slice(Start, Length);

    /// <summary>
    /// The text where it is plain ASCII that fits the scratch space, else the raw bytes. Enough to recognise a member
    /// name or a keyword however a client chose to escape it: <c>"mod\u0065l"</c> is <c>model</c>.
    /// </summary>
    public ReadOnlySpan<byte> Keyword(ReadOnlySpan<byte> json, Span<byte> scratch)
    {
        ReadOnlySpan<byte> raw = Raw(json);
        return HasEscapes && JsonText.TryUnescapeAscii(raw, scratch, out int length) ? scratch[..length] : raw;
    }
}

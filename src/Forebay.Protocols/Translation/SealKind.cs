namespace Forebay.Protocols.Translation;

/// <summary>Whose signature or sealed reasoning something is.</summary>
internal enum SealKind : byte
{
    /// <summary>Anthropic's signature of the text beside it.</summary>
    AnthropicSigned,

    /// <summary>Reasoning that Anthropic sealed: there is no text.</summary>
    AnthropicSealed,

    /// <summary>Reasoning encrypted by an upstream of the Responses dialect.</summary>
    Responses,
}

/// <summary>
/// How a client of one dialect holds what an upstream of another has signed: byte for byte, behind a mark that says who
/// did, so that it goes back to its maker and to nobody else.
/// </summary>
internal static class Seals
{
    /// <summary>What stands before a seal where the client's dialect is not that of its maker.</summary>
    public static ReadOnlySpan<byte> MarkOf(SealKind kind) => kind switch
    {
        SealKind.AnthropicSigned => "forebay.a."u8,
        SealKind.AnthropicSealed => "forebay.x."u8,
        _ => "forebay.r."u8,
    };

    /// <summary>Whether a mark stands before a seal.</summary>
    public static bool IsMarked(ReadOnlySpan<byte> value) => value.StartsWith("forebay."u8);

    /// <summary>Takes the mark off; false where there is none, so that the seal is of the client's own dialect.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> source, ref ByteRange seal, out SealKind kind)
    {
        ReadOnlySpan<byte> value = seal.Of(source);
        for (kind = SealKind.AnthropicSigned; kind <= SealKind.Responses; kind++)
        {
            ReadOnlySpan<byte> mark = MarkOf(kind);
            if (value.StartsWith(mark))
            {
                seal = ByteRange.Between(seal.Start + mark.Length, seal.End);
                return true;
            }
        }

        kind = default;
        return false;
    }
}

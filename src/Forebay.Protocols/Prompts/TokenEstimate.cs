namespace Forebay.Protocols.Prompts;

/// <summary>Counts the tokens of a prompt by rule of thumb; <see cref="RequestFacts.EstimatedInputTokens"/> states the
/// rule.</summary>
internal struct TokenEstimate : IPromptSink
{
    /// <summary>What the largest image of the current models costs.</summary>
    public const int TokensPerImage = 1_600;

    public const int TextBytesPerToken = 4;
    public const int DocumentBytesPerToken = 8;
    public const int AudioBytesPerToken = 2_000;

    private long _textBytes;
    private long _otherTokens;

    public static bool NeedsRoleFirst => false;

    public static TokenEstimate operator +(TokenEstimate a, TokenEstimate b) => new()
    {
        _textBytes = a._textBytes + b._textBytes,
        _otherTokens = a._otherTokens + b._otherTokens,
    };

    public readonly long Tokens => (_textBytes + TextBytesPerToken - 1) / TextBytesPerToken + _otherTokens;

    public readonly void Message(scoped ReadOnlySpan<byte> role)
    {
    }

    public void Text(scoped ReadOnlySpan<byte> raw, int textLength) => _textBytes += textLength;

    public void Name(scoped ReadOnlySpan<byte> raw, int textLength) => _textBytes += textLength;

    public void Literal(scoped ReadOnlySpan<byte> raw) => _textBytes += raw.Length;

    public void Image(scoped ReadOnlySpan<byte> payload) => _otherTokens += TokensPerImage;

    public void Document(scoped ReadOnlySpan<byte> payload) => _otherTokens += payload.Length / DocumentBytesPerToken;

    public void Audio(scoped ReadOnlySpan<byte> payload) => _otherTokens += payload.Length / AudioBytesPerToken;
}

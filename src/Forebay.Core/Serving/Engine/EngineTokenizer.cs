namespace Forebay.Core.Serving.Engine;

/// <summary>
/// The tokenizer of the engine emulator: four UTF-8 bytes are a token, rounded up once per prompt. It stands here
/// because whoever sends prompts of a stated length must count as the emulator does.
/// </summary>
public static class EngineTokenizer
{
    public const int BytesPerToken = 4;

    /// <summary>Tokens of a text of a number of bytes.</summary>
    public static int TokensOf(int bytes) => (bytes + BytesPerToken - 1) / BytesPerToken;
}

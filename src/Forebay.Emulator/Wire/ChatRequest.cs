namespace Forebay.Emulator.Wire;

/// <summary>A request for an answer, in either dialect, as the emulator needs it.</summary>
internal sealed class ChatRequest
{
    public string Model { get; set; } = "";

    public bool Stream { get; set; }

    /// <summary>Whether a chat-completions stream ends with usage.</summary>
    public bool IncludeUsage { get; set; }

    /// <summary>The caller's limit on the answer; null when it gave none.</summary>
    public int? MaxTokens { get; set; }

    /// <summary>The exact length that the caller asked for.</summary>
    public int? OutputTokens { get; set; }

    public int? MinTokens { get; set; }

    public bool IgnoreEos { get; set; }

    public byte[][] StopSequences { get; set; } = [];

    /// <summary>The tool that the caller forces, with the JSON text of its schema.</summary>
    public (string Name, byte[] Schema)? ForcedTool { get; set; }

    /// <summary>Whether chat completions go on with the assistant message that stands last; messages always do.
    /// </summary>
    public bool ContinueFinalMessage { get; set; }

    /// <summary>Whether the prompt ends where an answer begins; null where the caller did not say.</summary>
    public bool? AddGenerationPrompt { get; set; }

    /// <summary>Bytes of the answer's text that the prompt ends with: an answer that was begun elsewhere is gone on
    /// with after them.</summary>
    public int AnsweredBytes { get; set; }

    public int PromptTokens { get; set; }

    public ulong[] PrefixHashes { get; set; } = [];

    /// <summary>A hash of the prompt, without an assistant message that is gone on with: what the answer is made from.
    /// </summary>
    public ulong Seed { get; set; }
}

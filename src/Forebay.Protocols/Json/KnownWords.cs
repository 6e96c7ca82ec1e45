namespace Forebay.Protocols.Json;

/// <summary>Strings for the words that end nearly every response, so that reading one allocates nothing.</summary>
internal static class KnownWords
{
    /// <summary>The text of a stop or finish reason, or of a status.</summary>
    public static string? StopReason(ReadOnlySpan<byte> json, in JsonString token) => token.Raw(json) switch
    {
        var raw when raw.SequenceEqual("end_turn"u8) => "end_turn",
        var raw when raw.SequenceEqual("tool_use"u8) => "tool_use",
        var raw when raw.SequenceEqual("max_tokens"u8) => "max_tokens",
        var raw when raw.SequenceEqual("stop_sequence"u8) => "stop_sequence",
        var raw when raw.SequenceEqual("stop"u8) => "stop",
        var raw when raw.SequenceEqual("length"u8) => "length",
        var raw when raw.SequenceEqual("tool_calls"u8) => "tool_calls",
        var raw when raw.SequenceEqual("completed"u8) => "completed",
        var raw when raw.SequenceEqual("in_progress"u8) => "in_progress",
        var raw when raw.SequenceEqual("max_output_tokens"u8) => "max_output_tokens",
        _ => JsonText.TryGetString(json, token, out string text) ? text : null,
    };
}

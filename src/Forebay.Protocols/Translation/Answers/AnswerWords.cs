using System.Text;

namespace Forebay.Protocols.Translation;

/// <summary>Words that whole answers and streams share: why an answer ended, what it used, ids.</summary>
internal static class AnswerWords
{
    public static StopReason FromAnthropic(ReadOnlySpan<byte> word) => word switch
    {
        _ when word.SequenceEqual("max_tokens"u8) => StopReason.MaxTokens,
        _ when word.SequenceEqual("model_context_window_exceeded"u8) => StopReason.ContextWindow,
        _ when word.SequenceEqual("stop_sequence"u8) => StopReason.StopSequence,
        _ when word.SequenceEqual("tool_use"u8) => StopReason.ToolUse,
        _ when word.SequenceEqual("refusal"u8) => StopReason.Refusal,
        _ when word.SequenceEqual("pause_turn"u8) => StopReason.Pause,
        _ => StopReason.EndTurn,
    };

    public static StopReason FromOpenAi(ReadOnlySpan<byte> word) => word switch
    {
        _ when word.SequenceEqual("length"u8) || word.SequenceEqual("model_length"u8) => StopReason.MaxTokens,
        _ when word.SequenceEqual("tool_calls"u8) || word.SequenceEqual("function_call"u8) => StopReason.ToolUse,
        _ when word.SequenceEqual("content_filter"u8) => StopReason.Refusal,
        _ => StopReason.EndTurn,
    };

    /// <summary>Why a response is incomplete, in the Responses dialect; nothing where it is complete.</summary>
    public static ReadOnlySpan<byte> ToResponses(StopReason stop) => stop switch
    {
        StopReason.MaxTokens or StopReason.ContextWindow => "max_output_tokens"u8,
        StopReason.Refusal => "content_filter"u8,
        _ => [],
    };

    public static StopReason FromResponses(ReadOnlySpan<byte> reason) => reason switch
    {
        _ when reason.SequenceEqual("max_output_tokens"u8) => StopReason.MaxTokens,
        _ when reason.SequenceEqual("content_filter"u8) => StopReason.Refusal,
        _ => StopReason.EndTurn,
    };

    public static StopReason FromConverse(ReadOnlySpan<byte> word) => word switch
    {
        _ when word.SequenceEqual("guardrail_intervened"u8) || word.SequenceEqual("content_filtered"u8) =>
            StopReason.Refusal,
        _ => FromAnthropic(word),
    };

    /// <summary>Whether Converse says that the model's output made no sense: it must not look complete.</summary>
    public static bool IsMalformed(ReadOnlySpan<byte> word) =>
        word.SequenceEqual("malformed_model_output"u8) || word.SequenceEqual("malformed_tool_use"u8);

    /// <summary>Whether an OpenAI finish reason says that the answer was broken off: it must not look complete.
    /// </summary>
    public static bool IsBrokenOff(ReadOnlySpan<byte> word) =>
        word.SequenceEqual("abort"u8)
        || word.SequenceEqual("error"u8)
        || word.SequenceEqual("insufficient_system_resource"u8);

    public static ReadOnlySpan<byte> ToAnthropic(StopReason stop) => stop switch
    {
        StopReason.MaxTokens => "max_tokens"u8,
        StopReason.ContextWindow => "model_context_window_exceeded"u8,
        StopReason.StopSequence => "stop_sequence"u8,
        StopReason.ToolUse => "tool_use"u8,
        StopReason.Refusal => "refusal"u8,
        StopReason.Pause => "pause_turn"u8,
        _ => "end_turn"u8,
    };

    public static ReadOnlySpan<byte> ToOpenAi(StopReason stop) => stop switch
    {
        StopReason.MaxTokens or StopReason.ContextWindow => "length"u8,
        StopReason.ToolUse => "tool_calls"u8,
        StopReason.Refusal => "content_filter"u8,
        _ => "stop"u8,
    };

    /// <summary>What a reason comes to once it is known whether tools were called: engines say <c>stop</c> of answers
    /// that call tools, and clients act on the reason alone.</summary>
    public static StopReason Agreeing(StopReason stop, bool hasToolUse) => stop switch
    {
        StopReason.EndTurn or StopReason.StopSequence when hasToolUse => StopReason.ToolUse,
        StopReason.ToolUse when !hasToolUse => StopReason.EndTurn,
        _ => stop,
    };

    /// <summary>Writes an Anthropic usage object of cumulative counts. Its input leaves caches out.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="usage">The counts.</param>
    /// <param name="reasoning">Tokens spent on reasoning, or null.</param>
    /// <param name="isWhole">Whether it belongs to a message rather than to the end of a stream.</param>
    public static void WriteAnthropicUsage(ref WireOutput to, WireUsage usage, long? reasoning, bool isWhole)
    {
        to.Raw("{\"input_tokens\":"u8);
        to.Number(usage.Input);
        to.Raw(",\"cache_creation_input_tokens\":"u8);
        to.Number(usage.CacheWrite);
        to.Raw(",\"cache_read_input_tokens\":"u8);
        to.Number(usage.CacheRead);
        to.Raw(",\"output_tokens\":"u8);
        to.Number(usage.Output);
        to.Raw(",\"output_tokens_details\":"u8);
        if (reasoning is { } thinking)
        {
            to.Raw("{\"thinking_tokens\":"u8);
            to.Number(thinking);
            to.Raw((byte)'}');
        }
        else
        {
            to.Raw("null"u8);
        }

        to.Raw(",\"server_tool_use\":null"u8);
        to.Raw(isWhole
            ? ",\"cache_creation\":null,\"service_tier\":null,\"inference_geo\":null,\"speed\":null}"u8
            : "}"u8);
    }

    /// <summary>Writes an OpenAI usage object. Its prompt includes caches.</summary>
    public static void WriteOpenAiUsage(ref WireOutput to, WireUsage usage, long? reasoning)
    {
        long prompt = usage.Input + usage.CacheRead + usage.CacheWrite;
        to.Raw("{\"prompt_tokens\":"u8);
        to.Number(prompt);
        to.Raw(",\"completion_tokens\":"u8);
        to.Number(usage.Output);
        to.Raw(",\"total_tokens\":"u8);
        to.Number(prompt + usage.Output);
        to.Raw(",\"prompt_tokens_details\":{\"cached_tokens\":"u8);
        to.Number(usage.CacheRead);
        to.Raw(",\"cache_write_tokens\":"u8);
        to.Number(usage.CacheWrite);
        to.Raw(",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":"u8);
        to.Number(reasoning ?? 0);
        to.Raw(",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}"u8);
    }

    /// <summary>Writes a usage object of the Responses dialect. Its input includes caches.</summary>
    public static void WriteResponsesUsage(ref WireOutput to, WireUsage usage, long? reasoning)
    {
        long input = usage.Input + usage.CacheRead + usage.CacheWrite;
        to.Raw("{\"input_tokens\":"u8);
        to.Number(input);
        to.Raw(",\"input_tokens_details\":{\"cached_tokens\":"u8);
        to.Number(usage.CacheRead);
        to.Raw(",\"cache_write_tokens\":"u8);
        to.Number(usage.CacheWrite);
        to.Raw("},\"output_tokens\":"u8);
        to.Number(usage.Output);
        to.Raw(",\"output_tokens_details\":{\"reasoning_tokens\":"u8);
        to.Number(reasoning ?? 0);
        to.Raw("},\"total_tokens\":"u8);
        to.Number(input + usage.Output);
        to.Raw((byte)'}');
    }

    /// <summary>Writes an id of a tool call as Anthropic takes them: letters, digits, underscores and hyphens. The same
    /// id becomes the same in call and result.</summary>
    public static void WriteAnthropicId(ref WireOutput to, scoped ReadOnlySpan<byte> id)
    {
        to.Raw((byte)'"');
        while (!id.IsEmpty)
        {
            int plain = id.IndexOfAnyExcept(AnthropicWords.IdBytes);
            plain = plain < 0 ? id.Length : plain;
            to.Raw(id[..plain]);
            id = id[plain..];
            if (!id.IsEmpty)
            {
                to.Raw((byte)'_');
                id = id[1..];
            }
        }

        to.Raw((byte)'"');
    }

    /// <summary>Writes an id of our own for a call that came without.</summary>
    public static void WriteMadeId(ref WireOutput to, scoped ReadOnlySpan<byte> prefix, string id, int ordinal)
    {
        to.Raw((byte)'"');
        to.Raw(prefix);
        to.Raw(Encoding.ASCII.GetBytes(id));
        to.Raw((byte)'_');
        to.Number(ordinal);
        to.Raw((byte)'"');
    }
}

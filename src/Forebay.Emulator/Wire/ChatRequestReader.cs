using System.Text;
using System.Text.Json;
using Forebay.Core.Serving;

namespace Forebay.Emulator.Wire;

/// <summary>
/// Reads a request body: one pass finds the members, then the prompt's text is put together as tools, system, messages,
/// whatever the order of the keys. Unknown members are ignored, as engines do.
/// </summary>
internal static class ChatRequestReader
{
    private const int MaxDepth = 128;

    /// <exception cref="BadRequestException">The body is not a request; the message says where and why.</exception>
    public static ChatRequest Read(ReadOnlySpan<byte> body, Dialect dialect, bool needsMaxTokens = true)
    {
        try
        {
            return ReadMembers(body, dialect, needsMaxTokens);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new BadRequestException($"The request body is not valid: {e.Message}");
        }
    }

    private static ChatRequest ReadMembers(ReadOnlySpan<byte> body, Dialect dialect, bool needsMaxTokens)
    {
        var request = new ChatRequest();
        Ranges ranges = default;
        bool hasModel = false;
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new BadRequestException("The request body must be a JSON object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("model"u8))
            {
                reader.Read();
                request.Model = reader.TokenType == JsonTokenType.String
                    ? reader.GetString()!
                    : throw new BadRequestException("model: must be a string.", parameter: "model");
                hasModel = true;
            }
            else if (!ReadScalar(ref reader, request) && !ranges.Read(ref reader))
            {
                reader.Read();
                reader.Skip();
            }
        }

        while (reader.Read())
        {
            // Whatever follows the object makes the reader throw.
        }

        Require(hasModel && request.Model.Length > 0, "model", "is required.");
        Require(!ranges.Messages.IsEmpty, "messages", "is required.");
        Require(!needsMaxTokens || dialect != Dialect.Anthropic || request.MaxTokens is not null, "max_tokens",
            "is required.");
        ReadOptions(body, ranges, request);
        ReadPrompt(body, ranges, request, dialect);
        return request;
    }

    private static bool ReadScalar(ref Utf8JsonReader reader, ChatRequest request)
    {
        if (reader.ValueTextEquals("stream"u8))
        {
            request.Stream = ReadBool(ref reader, "stream");
        }
        else if (reader.ValueTextEquals("ignore_eos"u8))
        {
            request.IgnoreEos = ReadBool(ref reader, "ignore_eos");
        }
        else if (reader.ValueTextEquals("continue_final_message"u8))
        {
            request.ContinueFinalMessage = ReadBool(ref reader, "continue_final_message");
        }
        else if (reader.ValueTextEquals("add_generation_prompt"u8))
        {
            request.AddGenerationPrompt = ReadBool(ref reader, "add_generation_prompt");
        }
        else if (reader.ValueTextEquals("max_tokens"u8))
        {
            request.MaxTokens ??= ReadCount(ref reader, "max_tokens");
        }
        else if (reader.ValueTextEquals("max_completion_tokens"u8))
        {
            request.MaxTokens = ReadCount(ref reader, "max_completion_tokens") ?? request.MaxTokens;
        }
        else if (reader.ValueTextEquals("min_tokens"u8))
        {
            request.MinTokens = ReadCount(ref reader, "min_tokens");
        }
        else
        {
            return false;
        }

        return true;
    }

    private static void ReadOptions(ReadOnlySpan<byte> body, in Ranges ranges, ChatRequest request)
    {
        if (Parse(body, ranges.StreamOptions) is { ValueKind: JsonValueKind.Object } options)
        {
            request.IncludeUsage = options.TryGetProperty("include_usage"u8, out JsonElement include)
                && include.ValueKind == JsonValueKind.True;
        }

        if (Parse(body, ranges.Metadata) is { ValueKind: JsonValueKind.Object } metadata
            && metadata.TryGetProperty("emulator_output_tokens"u8, out JsonElement wanted))
        {
            request.OutputTokens = ParseOutputTokens(
                wanted.ValueKind == JsonValueKind.String ? wanted.GetString()! : wanted.GetRawText());
        }

        JsonElement? stop = Parse(body, ranges.Stop);
        if (stop is { ValueKind: JsonValueKind.String })
        {
            request.StopSequences = [Encoding.UTF8.GetBytes(stop.Value.GetString()!)];
        }
        else if (stop is { ValueKind: JsonValueKind.Array })
        {
            request.StopSequences =
                [.. stop.Value.EnumerateArray().Select(s => Encoding.UTF8.GetBytes(s.GetString() ?? ""))];
        }

        request.StopSequences = [.. request.StopSequences.Where(s => s.Length > 0)];
        request.ForcedTool = ForcedTool(Parse(body, ranges.ToolChoice), Parse(body, ranges.Tools));
    }

    /// <summary>The length asked for in a header or in the metadata.</summary>
    public static int ParseOutputTokens(string text) =>
        int.TryParse(text, out int tokens) && tokens is >= 1 and <= 10_000_000
            ? tokens
            : throw new BadRequestException($"emulator_output_tokens: \"{text}\" is not a number from 1 to 10000000.");

    /// <summary>The tool that tool_choice forces: by name in either dialect's form, or the first for required and any.
    /// </summary>
    private static (string, byte[])? ForcedTool(JsonElement? choice, JsonElement? tools)
    {
        string? kind = choice switch
        {
            { ValueKind: JsonValueKind.String } c => c.GetString(),
            { ValueKind: JsonValueKind.Object } c when c.TryGetProperty("type"u8, out JsonElement t) => t.GetString(),
            _ => null,
        };
        if (kind is null or "auto" or "none")
        {
            return null;
        }

        JsonElement named = choice!.Value;
        named = kind == "function" && named.TryGetProperty("function"u8, out JsonElement function) ? function : named;
        string? name = named.ValueKind == JsonValueKind.Object && named.TryGetProperty("name"u8, out JsonElement n)
            ? n.GetString()
            : null;
        if (tools is { ValueKind: JsonValueKind.Array } list)
        {
            foreach (JsonElement tool in list.EnumerateArray())
            {
                JsonElement inner = tool.TryGetProperty("function"u8, out JsonElement f) ? f : tool;
                string found = inner.TryGetProperty("name"u8, out JsonElement value) ? value.GetString() ?? "" : "";
                if (found.Length > 0 && (name is null || name == found))
                {
                    bool has = inner.TryGetProperty("input_schema"u8, out JsonElement schema)
                        || inner.TryGetProperty("parameters"u8, out schema);
                    return (found, has ? Encoding.UTF8.GetBytes(schema.GetRawText()) : "{}"u8.ToArray());
                }
            }
        }

        throw new BadRequestException(
            name is null ? "tool_choice forces a tool but tools names none." : $"tool_choice: no tool is named {name}.",
            parameter: "tool_choice");
    }

    private static void ReadPrompt(ReadOnlySpan<byte> body, in Ranges ranges, ChatRequest request, Dialect dialect)
    {
        using var prompt = new PromptText();
        if (!ranges.Tools.IsEmpty && body[ranges.Tools.Start] != (byte)'n')
        {
            prompt.Append(ranges.Tools.Of(body));
        }

        if (!ranges.System.IsEmpty)
        {
            var system = new Utf8JsonReader(ranges.System.Of(body));
            system.Read();
            PromptReader.AppendContent(ref system, ranges.System.Of(body), prompt);
        }

        PromptMessages messages = PromptReader.AppendMessages(ranges.Messages.Of(body), prompt);
        Require(messages.Count > 0, "messages", "must hold at least one message.");
        bool continues = dialect == Dialect.Anthropic
            ? messages.LastIsAssistant
            : ReadContinuation(request, messages.LastIsAssistant);
        ReadOnlySpan<byte> begun = continues ? prompt.Text[messages.LastStart..] : [];
        Require(
            dialect != Dialect.Anthropic || begun.IsEmpty || begun[^1] is not ((byte)' ' or (byte)'\n' or (byte)'\t'),
            "messages",
            "final assistant content cannot end with trailing whitespace");
        request.Seed = prompt.Hash(prompt.Length - begun.Length);
        request.AnsweredBytes = Answer.BegunBytes(request.Seed, begun);

        // A token that was cut in two is made again as a whole.
        request.PromptTokens = Math.Max(1, PromptText.TokensOf(prompt.Length - request.AnsweredBytes))
            + request.AnsweredBytes / PromptText.BytesPerToken;
        request.PrefixHashes = prompt.BlockHashes(request.PromptTokens);
    }

    /// <summary>Whether a chat completion goes on with the last message, by vLLM's rules.</summary>
    private static bool ReadContinuation(ChatRequest request, bool lastIsAssistant)
    {
        Require(
            !request.ContinueFinalMessage || request.AddGenerationPrompt != true,
            "continue_final_message",
            "cannot be set together with add_generation_prompt.");
        Require(
            !request.ContinueFinalMessage || lastIsAssistant,
            "continue_final_message",
            "needs an assistant message that stands last.");
        return request.ContinueFinalMessage;
    }

    private static JsonElement? Parse(ReadOnlySpan<byte> body, Range range)
    {
        if (range.IsEmpty)
        {
            return null;
        }

        var reader = new Utf8JsonReader(range.Of(body), new JsonReaderOptions { MaxDepth = MaxDepth });
        return JsonElement.ParseValue(ref reader);
    }

    private static bool ReadBool(ref Utf8JsonReader reader, string name)
    {
        reader.Read();
        Require(reader.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null, name,
            "must be true or false.");
        return reader.TokenType == JsonTokenType.True;
    }

    private static int? ReadCount(ref Utf8JsonReader reader, string name)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        int count = -1;
        Require(reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out count) && count >= 0, name,
            "must be a whole number, 0 or more.");
        return count;
    }

    private static void Require(bool holds, string name, string problem)
    {
        if (!holds)
        {
            throw new BadRequestException($"{name}: {problem}", parameter: name);
        }
    }

    /// <summary>Where a value stands in the body.</summary>
    private readonly record struct Range(int Start, int Length)
    {
        public bool IsEmpty => Length == 0;

        public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> body) => body.Slice(Start, Length);
    }

    /// <summary>Where the structured members stand.</summary>
    private struct Ranges
    {
        public Range Messages;
        public Range System;
        public Range Tools;
        public Range ToolChoice;
        public Range Stop;
        public Range StreamOptions;
        public Range Metadata;

        /// <summary>Notes the value of the property the reader stands on, if it is one of these.</summary>
        public bool Read(ref Utf8JsonReader reader)
        {
            if (reader.ValueTextEquals("messages"u8))
            {
                Messages = Skip(ref reader);
                return true;
            }

            if (reader.ValueTextEquals("system"u8))
            {
                System = Skip(ref reader);
                return true;
            }

            if (reader.ValueTextEquals("tools"u8))
            {
                Tools = Skip(ref reader);
                return true;
            }

            if (reader.ValueTextEquals("tool_choice"u8))
            {
                ToolChoice = Skip(ref reader);
                return true;
            }

            if (reader.ValueTextEquals("stop"u8) || reader.ValueTextEquals("stop_sequences"u8))
            {
                Stop = Skip(ref reader);
                return true;
            }

            if (reader.ValueTextEquals("stream_options"u8))
            {
                StreamOptions = Skip(ref reader);
                return true;
            }

            if (reader.ValueTextEquals("metadata"u8))
            {
                Metadata = Skip(ref reader);
                return true;
            }

            return false;
        }

        private static Range Skip(ref Utf8JsonReader reader)
        {
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            return new Range(start, (int)reader.BytesConsumed - start);
        }
    }
}

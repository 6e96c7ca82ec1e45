using System.Text.Json;

namespace Forebay.Emulator.Wire;

/// <summary>What the messages of a prompt were.</summary>
/// <param name="Count">How many.</param>
/// <param name="LastStart">Where the text of the last one begins in the prompt.</param>
/// <param name="LastIsAssistant">Whether the last one is the assistant's.</param>
internal readonly record struct PromptMessages(int Count, int LastStart, bool LastIsAssistant);

/// <summary>
/// Appends the text of system prompts and messages in either dialect: strings as they are, blocks by the members that
/// hold text, tool calls and tool input as their JSON, anything else as an opaque part.
/// </summary>
internal static class PromptReader
{
    /// <summary>Appends every message.</summary>
    public static PromptMessages AppendMessages(ReadOnlySpan<byte> json, PromptText prompt)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new BadRequestException("messages: must be an array.", parameter: "messages");
        }

        int count = 0;
        int lastStart = 0;
        bool lastIsAssistant = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw new BadRequestException($"messages.{count}: must be an object.", parameter: "messages");
            }

            lastStart = prompt.Length;
            AppendMessage(ref reader, json, prompt, count, out lastIsAssistant);
            count++;
        }

        return new PromptMessages(count, lastStart, lastIsAssistant);
    }

    /// <summary>Appends a string, an array of blocks, or nothing for null.</summary>
    public static void AppendContent(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, PromptText prompt)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                prompt.AppendString(ref reader);
                break;
            case JsonTokenType.StartArray:
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    AppendBlock(ref reader, json, prompt);
                }

                break;
            case JsonTokenType.Null:
                break;
            default:
                throw new BadRequestException("content: must be a string or an array of blocks.");
        }
    }

    private static void AppendMessage(
        ref Utf8JsonReader reader, ReadOnlySpan<byte> json, PromptText prompt, int index, out bool isAssistant)
    {
        bool hasRole = false;
        isAssistant = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isRole = reader.ValueTextEquals("role"u8);
            bool isContent = reader.ValueTextEquals("content"u8);
            bool isCalls = reader.ValueTextEquals("tool_calls"u8);
            reader.Read();
            if (isContent)
            {
                AppendContent(ref reader, json, prompt);
            }
            else if (isCalls && reader.TokenType == JsonTokenType.StartArray)
            {
                prompt.Append(Raw(ref reader, json));
            }
            else
            {
                hasRole |= isRole && IsRole(ref reader);
                isAssistant |= isRole && hasRole && reader.ValueTextEquals("assistant"u8);
                reader.Skip();
            }
        }

        if (!hasRole)
        {
            throw new BadRequestException(
                $"messages.{index}.role: must be user, assistant, system, developer or tool.", parameter: "messages");
        }
    }

    private static bool IsRole(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.String
        && (reader.ValueTextEquals("user"u8) || reader.ValueTextEquals("assistant"u8)
            || reader.ValueTextEquals("system"u8) || reader.ValueTextEquals("developer"u8)
            || reader.ValueTextEquals("tool"u8) || reader.ValueTextEquals("function"u8));

    private static void AppendBlock(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, PromptText prompt)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            prompt.AppendString(ref reader);
            return;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new BadRequestException("content: every block must be an object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isText = reader.ValueTextEquals("text"u8) || reader.ValueTextEquals("thinking"u8)
                || reader.ValueTextEquals("name"u8);
            bool isContent = reader.ValueTextEquals("content"u8);
            bool isInput = reader.ValueTextEquals("input"u8);
            bool isNote = reader.ValueTextEquals("cache_control"u8) || reader.ValueTextEquals("citations"u8)
                || reader.ValueTextEquals("caller"u8);
            reader.Read();
            if (isContent)
            {
                AppendContent(ref reader, json, prompt);
            }
            else if (isText && reader.TokenType == JsonTokenType.String)
            {
                prompt.AppendString(ref reader);
            }
            else if (isInput)
            {
                prompt.Append(Raw(ref reader, json));
            }
            else if (!isNote && reader.TokenType == JsonTokenType.StartObject)
            {
                prompt.AppendOpaque(Raw(ref reader, json));
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private static ReadOnlySpan<byte> Raw(ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        int start = (int)reader.TokenStartIndex;
        reader.Skip();
        return json[start..(int)reader.BytesConsumed];
    }
}

using System.Text.Json;

namespace Forebay.Protocols.Prompts;

/// <summary>
/// What tells one conversation from another and stays the same through all its turns: the text of the first message
/// that a user wrote. Clients resend it with each turn, while tools, system prompts and cache markers come and go
/// around it. Like <see cref="PromptBlocks"/> it is fast and not cryptographic, and decides only where a request goes.
/// </summary>
public static class ConversationHash
{
    private const ulong Basis = 0xcbf29ce484222325;
    private const ulong Prime = 0x100000001b3;

    /// <summary>FNV-1a of a name that a client gives its conversation.</summary>
    public static ulong OfName(string name, ulong salt)
    {
        ulong hash = Basis ^ salt;
        foreach (char c in name)
        {
            hash = (hash ^ c) * Prime;
        }

        return hash;
    }

    /// <summary>Reads the first user message of a body. Cost is linear in what stands before its end; nothing is
    /// allocated.</summary>
    /// <param name="facts">What <see cref="RequestReader"/> found in the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="salt">Keeps tenants apart.</param>
    /// <returns>The hash; null where no user wrote anything.</returns>
    public static ulong? Of(in RequestFacts facts, ReadOnlySpan<byte> body, ulong salt)
    {
        if (facts.Messages.IsEmpty)
        {
            return null;
        }

        var reader = new Utf8JsonReader(body.Slice(facts.Messages.Start, facts.Messages.Length));
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.String && reader.CurrentDepth == 0)
            {
                // The text that a user wrote, as the Responses dialect allows.
                ulong hash = Basis ^ salt;
                foreach (byte b in reader.ValueSpan)
                {
                    hash = (hash ^ b) * Prime;
                }

                return hash;
            }

            if (reader.TokenType == JsonTokenType.StartObject && reader.CurrentDepth == 1)
            {
                ulong hash = Basis ^ salt;
                if (ReadMessage(ref reader, ref hash))
                {
                    return hash;
                }
            }
        }

        return null;
    }

    /// <summary>Reads one message to its end; true where a user wrote it and there is something in it.</summary>
    private static bool ReadMessage(ref Utf8JsonReader reader, ref ulong hash)
    {
        int depth = reader.CurrentDepth;
        bool isUser = false;
        bool hasContent = false;
        while (reader.Read() && !(reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth == depth))
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
            {
                continue;
            }

            bool isRole = reader.CurrentDepth == depth + 1 && reader.ValueTextEquals("role"u8);
            bool counts = reader.ValueTextEquals("content"u8) || reader.ValueTextEquals("text"u8)
                || reader.ValueTextEquals("data"u8) || reader.ValueTextEquals("url"u8)
                || reader.ValueTextEquals("file_id"u8) || reader.ValueTextEquals("image_url"u8);
            if (reader.Read() && reader.TokenType == JsonTokenType.String)
            {
                isUser |= isRole && reader.ValueTextEquals("user"u8);
                if (counts && reader.ValueSpan.Length > 0)
                {
                    hasContent = true;
                    foreach (byte b in reader.ValueSpan)
                    {
                        hash = (hash ^ b) * Prime;
                    }
                }
            }
        }

        return isUser && hasContent;
    }
}

using Forebay.Protocols.Json;
using Forebay.Protocols.Prompts;

namespace Forebay.Protocols;

/// <content>Fields that only a Responses request has.</content>
internal ref partial struct RequestPass
{
    /// <summary>Whether there is a prompt without <c>input</c>: one that an account holds.</summary>
    private readonly bool HasStoredInput => !Facts.PreviousResponse.IsEmpty
        || Seen(RequestField.Conversation) || Seen(RequestField.Prompt);

    private bool ReadResponsesField(RequestField field)
    {
        switch (field)
        {
            case RequestField.Input:
                return ReadInput();
            case RequestField.Instructions:
                return ReadInstructions();
            case RequestField.MaxOutputTokens:
                bool read = ReadMaxTokens(field, out long? maxTokens);
                Facts.MaxTokens = maxTokens;
                return read;
            case RequestField.Background:
                read = ReadBool(field, out bool? background);
                Facts.Background = background ?? false;
                return read;
            case RequestField.PreviousResponse:
                return ReadPreviousResponse();
            case RequestField.Conversation or RequestField.Prompt:
                return ReadContainer();
            case RequestField.Reasoning or RequestField.Text:
                return ReadMembers(field);
            default:
                return _walker.Cursor.Skip();
        }
    }

    private bool ReadInput()
    {
        JsonKind kind = _walker.Cursor.Peek();
        if (kind is not (JsonKind.String or JsonKind.Array))
        {
            return Wrong(RequestField.Input, "a string or an array of items", kind);
        }

        int start = _walker.Cursor.Position;
        _walker.Sink = default;
        bool good = _walker.Input();
        _messageTokens = _walker.Sink;
        Facts.Messages = ByteRange.Between(start, _walker.Cursor.Position);
        Facts.MessageCount = _walker.Elements;
        return _walker.Fault != PromptFault.None ? RefuseMessage() : good;
    }

    private bool ReadInstructions()
    {
        JsonKind kind = _walker.Cursor.Peek();
        if (kind == JsonKind.Null)
        {
            return _walker.Cursor.Skip();
        }

        if (kind != JsonKind.String)
        {
            return Wrong(RequestField.Instructions, "a string", kind);
        }

        int start = _walker.Cursor.Position;
        _walker.Sink = default;
        bool good = _walker.System();
        _systemTokens = _walker.Sink;
        Facts.System = ByteRange.Between(start, _walker.Cursor.Position);
        return good;
    }

    private bool ReadPreviousResponse()
    {
        JsonKind kind = _walker.Cursor.Peek();
        if (kind == JsonKind.Null)
        {
            return _walker.Cursor.Skip();
        }

        if (kind != JsonKind.String)
        {
            return Wrong(RequestField.PreviousResponse, "a string", kind);
        }

        bool read = _walker.Cursor.ReadString(out JsonString id);
        Facts.PreviousResponse = id.Token;
        _features |= RequestFeatures.ServerState;
        return read;
    }

    /// <summary><c>reasoning.effort</c> and <c>text.format.type</c>: what is wrong with them is the upstream's to
    /// say.</summary>
    private bool ReadMembers(RequestField field)
    {
        if (_walker.Cursor.Peek() != JsonKind.Object)
        {
            return _walker.Cursor.Skip();
        }

        Span<byte> scratch = stackalloc byte[RequestFields.LongestName];
        bool first = true;
        for (_ = _walker.Cursor.Enter(); _walker.Cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(_body, scratch);
            if (field == RequestField.Reasoning && member.SequenceEqual("effort"u8))
            {
                _ = ReadReasoningEffort();
            }
            else if (field == RequestField.Text && member.SequenceEqual("format"u8))
            {
                _ = ReadAsked(RequestField.OutputFormat);
            }
            else
            {
                _ = _walker.Cursor.Skip();
            }
        }

        return !_walker.Cursor.Failed;
    }
}

using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <content>Fields of which only what they ask for matters. What is wrong with them is the upstream's to say.</content>
internal ref partial struct RequestPass
{
    private bool ReadPresence(RequestFeatures feature)
    {
        if (_walker.Cursor.Peek() != JsonKind.Null)
        {
            _features |= feature;
        }

        return _walker.Cursor.Skip();
    }

    /// <summary><c>container</c>: the id of one that is there, or an object that may name it.</summary>
    private bool ReadContainer()
    {
        JsonKind kind = _walker.Cursor.Peek();
        _features |= kind == JsonKind.Null ? RequestFeatures.None : RequestFeatures.ServerState;
        if (kind == JsonKind.String)
        {
            bool read = _walker.Cursor.ReadString(out JsonString id);
            Facts.StateId = id.Token;
            return read;
        }

        if (kind != JsonKind.Object)
        {
            return _walker.Cursor.Skip();
        }

        Span<byte> scratch = stackalloc byte[RequestFields.LongestName];
        bool first = true;
        for (_ = _walker.Cursor.Enter(); _walker.Cursor.NextMember(ref first, out JsonString name);)
        {
            if (name.Keyword(_body, scratch).SequenceEqual("id"u8) && _walker.Cursor.Peek() == JsonKind.String)
            {
                _ = _walker.Cursor.ReadString(out JsonString id);
                Facts.StateId = id.Token;
            }
            else
            {
                _ = _walker.Cursor.Skip();
            }
        }

        return !_walker.Cursor.Failed;
    }

    /// <summary><c>thinking</c>, <c>output_format</c>, <c>response_format</c>, <c>output_config</c>: objects whose
    /// <c>type</c>, or whose <c>format</c>, says whether they ask for anything.</summary>
    private bool ReadAsked(RequestField field)
    {
        if (_walker.Cursor.Peek() != JsonKind.Object)
        {
            return _walker.Cursor.Skip();
        }

        Span<byte> scratch = stackalloc byte[RequestFields.LongestName];
        Span<byte> typeScratch = stackalloc byte[RequestFields.LongestName];
        bool first = true;
        for (_ = _walker.Cursor.Enter(); _walker.Cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(_body, scratch);
            JsonKind kind = _walker.Cursor.Peek();
            if (field == RequestField.OutputConfig)
            {
                bool asked = member.SequenceEqual("format"u8) && kind == JsonKind.Object;
                _features |= asked ? RequestFeatures.StructuredOutput : RequestFeatures.None;
                _ = _walker.Cursor.Skip();
            }
            else if (member.SequenceEqual("type"u8) && kind == JsonKind.String)
            {
                _ = _walker.Cursor.ReadString(out JsonString type);
                _features |= AskedBy(field, type.Keyword(_body, typeScratch));
            }
            else
            {
                _ = _walker.Cursor.Skip();
            }
        }

        return !_walker.Cursor.Failed;
    }

    private static RequestFeatures AskedBy(RequestField field, scoped ReadOnlySpan<byte> type) => field switch
    {
        RequestField.Thinking when !type.SequenceEqual("disabled"u8) => RequestFeatures.Thinking,
        RequestField.OutputFormat when !type.SequenceEqual("text"u8) => RequestFeatures.StructuredOutput,
        _ => RequestFeatures.None,
    };

    private bool ReadReasoningEffort()
    {
        if (_walker.Cursor.Peek() != JsonKind.String)
        {
            return _walker.Cursor.Skip();
        }

        Span<byte> scratch = stackalloc byte[RequestFields.LongestName];
        bool read = _walker.Cursor.ReadString(out JsonString effort);
        bool asked = read && !effort.Keyword(_body, scratch).SequenceEqual("none"u8);
        _features |= asked ? RequestFeatures.Thinking : RequestFeatures.None;
        return read;
    }

    private bool ReadModalities()
    {
        if (_walker.Cursor.Peek() != JsonKind.Array)
        {
            return _walker.Cursor.Skip();
        }

        Span<byte> scratch = stackalloc byte[RequestFields.LongestName];
        bool first = true;
        for (_ = _walker.Cursor.Enter(); _walker.Cursor.NextElement(ref first);)
        {
            if (_walker.Cursor.Peek() != JsonKind.String)
            {
                _ = _walker.Cursor.Skip();
            }
            else if (_walker.Cursor.ReadString(out JsonString modality)
                     && modality.Keyword(_body, scratch).SequenceEqual("audio"u8))
            {
                _features |= RequestFeatures.Audio;
            }
        }

        return !_walker.Cursor.Failed;
    }

    /// <summary>The <c>user_id</c> of the <c>metadata</c> object.</summary>
    private bool ReadUserIdOf(RequestField field)
    {
        JsonKind kind = _walker.Cursor.Peek();
        if (kind != JsonKind.Object)
        {
            return kind == JsonKind.Null ? _walker.Cursor.Skip() : Wrong(field, "an object", kind);
        }

        Span<byte> scratch = stackalloc byte[RequestFields.LongestName];
        bool first = true;
        for (_ = _walker.Cursor.Enter(); _walker.Cursor.NextMember(ref first, out JsonString name);)
        {
            if (!name.Keyword(_body, scratch).SequenceEqual("user_id"u8) || _walker.Cursor.Peek() != JsonKind.String)
            {
                _ = _walker.Cursor.Skip();
            }
            else if (_walker.Cursor.ReadString(out JsonString token)
                     && JsonText.TryGetString(_body, token, out string id))
            {
                Facts.UserId = id;
            }
        }

        return !_walker.Cursor.Failed;
    }
}

using Forebay.Protocols.Json;
using Forebay.Protocols.Prompts;

namespace Forebay.Protocols;

/// <content>How each field's value is read and checked. The cursor stands before the value.</content>
internal ref partial struct RequestPass
{
    private bool ReadModel()
    {
        JsonKind kind = _walker.Cursor.Peek();
        if (kind != JsonKind.String)
        {
            return Wrong(RequestField.Model, "a string", kind);
        }

        if (!_walker.Cursor.ReadString(out JsonString token))
        {
            return false;
        }

        if (token.TextLength is 0 or > RequestReader.MaxModelBytes)
        {
            return Refuse("model", $"model: must be 1 to {RequestReader.MaxModelBytes} bytes long " +
                $"(found {token.TextLength})");
        }

        if (!JsonText.TryGetString(_body, token, out string model))
        {
            return Refuse("model", "model: holds half a surrogate pair, which is no character");
        }

        Facts.ModelValue = token.Token;
        Facts.Model = model;
        return true;
    }

    private bool ReadBool(RequestField field, out bool? value)
    {
        JsonKind kind = _walker.Cursor.Peek();
        value = kind switch { JsonKind.True => true, JsonKind.False => false, _ => null };
        return value is not null || kind == JsonKind.Null
            ? _walker.Cursor.Skip()
            : Wrong(field, "true or false", kind);
    }

    private bool ReadMaxTokens(RequestField field, out long? value)
    {
        value = null;
        JsonKind kind = _walker.Cursor.Peek();
        if (kind == JsonKind.Null)
        {
            return _walker.Cursor.Skip();
        }

        // Anthropic takes 0: it warms the prompt cache and produces nothing.
        int least = _dialect == WireDialect.Anthropic ? 0 : 1;
        if (kind != JsonKind.Number)
        {
            return Wrong(field, $"a whole number of at least {least}", kind);
        }

        if (!_walker.Cursor.ReadValue(out ByteRange number))
        {
            return false;
        }

        bool whole = JsonText.TryGetWhole(number.Of(_body), out long read);
        value = read;
        string name = NameOf(field);
        return (whole && read >= least)
            || Refuse(name, $"{name}: must be a whole number of at least {least} " +
                $"(found {(whole ? read.ToString() : "a fraction")})");
    }

    private bool ReadText(RequestField field, out string? value)
    {
        value = null;
        JsonKind kind = _walker.Cursor.Peek();
        if (kind == JsonKind.Null)
        {
            return _walker.Cursor.Skip();
        }

        if (kind != JsonKind.String)
        {
            return Wrong(field, "a string", kind);
        }

        if (!_walker.Cursor.ReadString(out JsonString token))
        {
            return false;
        }

        string name = NameOf(field);
        return JsonText.TryGetString(_body, token, out value)
            || Refuse(name, $"{name}: holds half a surrogate pair, which is no character");
    }

    private bool ReadMessages()
    {
        JsonKind kind = _walker.Cursor.Peek();
        if (kind != JsonKind.Array)
        {
            return Wrong(RequestField.Messages, "an array of messages", kind);
        }

        int start = _walker.Cursor.Position;
        _walker.Sink = default;
        bool good = _walker.Messages();
        _messageTokens = _walker.Sink;
        Facts.Messages = ByteRange.Between(start, _walker.Cursor.Position);
        Facts.MessageCount = _walker.Elements;
        if (_walker.Fault != PromptFault.None)
        {
            return RefuseMessage();
        }

        return good && (_walker.Elements > 0
            || Refuse("messages", "messages: must hold at least one message (found an empty array)"));
    }

    private bool RefuseMessage()
    {
        string message = _dialect switch
        {
            WireDialect.Anthropic => $"messages.{_walker.Elements}",
            WireDialect.Responses => $"input[{_walker.Elements}]",
            _ => $"messages[{_walker.Elements}]",
        };
        (string param, string expected) = _walker.Fault switch
        {
            PromptFault.RoleNotString => (message + ".role", "a string"),
            PromptFault.ContentNotText => (message + ".content", "a string or an array of content blocks"),
            _ => (message, "an object"),
        };
        return Refuse(param, $"{param}: must be {expected} (found {_walker.Found.Named()})");
    }

    private bool ReadTools(RequestField field)
    {
        JsonKind kind = _walker.Cursor.Peek();
        if (kind == JsonKind.Null)
        {
            return _walker.Cursor.Skip();
        }

        if (kind != JsonKind.Array)
        {
            return Wrong(field, "an array", kind);
        }

        int start = _walker.Cursor.Position;
        _walker.Sink = default;
        bool good = _walker.Tools();
        bool isNewer = field == RequestField.Tools;
        if (isNewer || Facts.Tools.IsEmpty || _toolsFromFunctions)
        {
            _toolTokens = _walker.Sink;
            _toolsFromFunctions = !isNewer;
            Facts.Tools = ByteRange.Between(start, _walker.Cursor.Position);
        }

        return good;
    }

    private bool ReadSystem()
    {
        JsonKind kind = _walker.Cursor.Peek();
        if (kind == JsonKind.Null)
        {
            return _walker.Cursor.Skip();
        }

        if (kind is not (JsonKind.String or JsonKind.Array))
        {
            return Wrong(RequestField.System, "a string or an array of text blocks", kind);
        }

        int start = _walker.Cursor.Position;
        _walker.Sink = default;
        bool good = _walker.System();
        _systemTokens = _walker.Sink;
        Facts.System = ByteRange.Between(start, _walker.Cursor.Position);
        return good;
    }

    private bool ReadStreamOptions()
    {
        JsonKind kind = _walker.Cursor.Peek();
        int start = _walker.Cursor.Position;
        if (kind == JsonKind.Null)
        {
            bool read = _walker.Cursor.Skip();
            Facts.StreamOptionsNull = ByteRange.Between(start, _walker.Cursor.Position);
            return read;
        }

        if (kind != JsonKind.Object)
        {
            return Wrong(RequestField.StreamOptions, "an object", kind);
        }

        Span<byte> scratch = stackalloc byte[RequestFields.LongestName];
        bool first = true;
        for (_ = _walker.Cursor.Enter(); _walker.Cursor.NextMember(ref first, out JsonString name);)
        {
            if (!name.Keyword(_body, scratch).SequenceEqual("include_usage"u8))
            {
                _ = _walker.Cursor.Skip();
                continue;
            }

            const string param = "stream_options.include_usage";
            if (!Facts.IncludeUsageValue.IsEmpty)
            {
                return Refuse(param, $"{param}: stands more than once; send it once.");
            }

            kind = _walker.Cursor.Peek();
            if (kind is not (JsonKind.True or JsonKind.False or JsonKind.Null or JsonKind.None))
            {
                return Refuse(param, $"{param}: must be true or false (found {kind.Named()})");
            }

            _ = _walker.Cursor.ReadValue(out ByteRange value);
            Facts.IncludeUsageValue = value;
            Facts.IncludeUsage = kind switch { JsonKind.True => true, JsonKind.False => false, _ => null };
        }

        Facts.StreamOptionsValue = ByteRange.Between(start, _walker.Cursor.Position);
        return !_walker.Cursor.Failed;
    }
}

using Forebay.Protocols.Json;
using Forebay.Protocols.Prompts;

namespace Forebay.Protocols;

/// <summary>The state of one pass over a body; <see cref="RequestReader"/> is its public face.</summary>
internal ref partial struct RequestPass(WireDialect dialect, ReadOnlySpan<byte> body)
{
    public RequestFacts Facts;
    public RequestProblem Problem;

    private readonly WireDialect _dialect = dialect;
    private readonly ReadOnlySpan<byte> _body = body;

    private PromptWalker<TokenEstimate> _walker = new(body, RequestReader.ByteOrderMarkLength(body))
    {
        InItems = dialect == WireDialect.Responses,
    };
    private TokenEstimate _toolTokens;
    private TokenEstimate _systemTokens;
    private TokenEstimate _messageTokens;
    private RequestFeatures _features;
    private long? _maxCompletionTokens;
    private bool _toolsFromFunctions;
    private string? _user;
    private ulong _seen;

    public bool Read(bool countTokens)
    {
        bool good = ReadFields() && CheckRequired(countTokens);
        Facts.Dialect = _dialect;
        Facts.Features = _features | _walker.Features;
        Facts.Signature = _walker.Signature;
        Facts.StoredItem = _walker.StoredItem;
        Facts.StateId = Facts.StateId.IsEmpty ? _walker.StateId : Facts.StateId;
        Facts.MaxTokens = _maxCompletionTokens ?? Facts.MaxTokens;
        Facts.UserId ??= _user;
        Facts.EstimatedInputTokens = (_toolTokens + _systemTokens + _messageTokens).Tokens;
        return good;
    }

    private bool ReadFields()
    {
        JsonKind root = _walker.Cursor.Peek();
        if (root is not (JsonKind.Object or JsonKind.None))
        {
            return Refuse(null, $"The request body must be a JSON object (found {root.Named()}).");
        }

        Span<byte> scratch = stackalloc byte[RequestFields.LongestName];
        bool first = true;
        bool entered = _walker.Cursor.Enter();
        Facts.ObjectStart = _walker.Cursor.Position;
        int end = _walker.Cursor.Position;
        while (entered && _walker.Cursor.NextMember(ref first, out JsonString name))
        {
            RequestField field = RequestFields.Named(_dialect, name.Keyword(_body, scratch));
            ulong bit = 1ul << (int)field;
            if ((_seen & bit) != 0 && RequestFields.MustBeSingle(field))
            {
                string twice = NameOf(field);
                return Refuse(twice, $"{twice}: stands more than once; send it once.");
            }

            _seen |= bit;
            if (!ReadField(field))
            {
                return NotJsonOr(good: false);
            }

            NoteMember(field, end);
            end = _walker.Cursor.Position;
        }

        return NotJsonOr(_walker.Cursor.AtEnd());
    }

    private bool ReadField(RequestField field)
    {
        switch (field)
        {
            case RequestField.Model:
                return ReadModel();
            case RequestField.Messages:
                return ReadMessages();
            case RequestField.Stream:
                bool read = ReadBool(field, out bool? stream);
                Facts.Stream = stream ?? false;
                return read;
            case RequestField.MaxTokens:
                read = ReadMaxTokens(field, out long? maxTokens);
                Facts.MaxTokens = maxTokens;
                return read;
            case RequestField.MaxCompletionTokens:
                return ReadMaxTokens(field, out _maxCompletionTokens);
            case RequestField.StreamOptions:
                return ReadStreamOptions();
            case RequestField.Tools or RequestField.Functions:
                return ReadTools(field);
            case RequestField.System:
                return ReadSystem();
            case RequestField.Metadata:
                return ReadUserIdOf(field);
            case RequestField.Thinking or RequestField.OutputFormat or RequestField.OutputConfig:
                return ReadAsked(field);
            case RequestField.Container:
                return ReadContainer();
            case RequestField.CacheControl:
                return ReadPresence(RequestFeatures.CacheControl);
            case RequestField.ReasoningEffort:
                return ReadReasoningEffort();
            case RequestField.Modalities:
                return ReadModalities();
            case RequestField.ServiceTier:
                read = ReadText(field, out string? text);
                Facts.ServiceTier = text;
                return read;
            case RequestField.InferenceGeo:
                _ = _walker.Cursor.Peek();
                int start = _walker.Cursor.Position;
                read = ReadText(field, out text);
                Facts.InferenceGeo = text;
                Facts.InferenceGeoValue = ByteRange.Between(start, _walker.Cursor.Position);
                return read;
            case RequestField.SafetyIdentifier:
                read = ReadText(field, out text);
                Facts.UserId = text;
                return read;
            case RequestField.User:
                return ReadText(field, out _user);
            default:
                return ReadResponsesField(field);
        }
    }

    /// <summary>Keeps where the member just read stands, for those that may be taken out.</summary>
    private void NoteMember(RequestField field, int endOfLast)
    {
        if (field is not (RequestField.Model or RequestField.Stream or RequestField.InferenceGeo))
        {
            return;
        }

        // Between two members stand white space and a comma.
        int start = endOfLast + _body[endOfLast..].IndexOf((byte)'"');
        var member = ByteRange.Between(start, _walker.Cursor.Position);
        if (field == RequestField.Model)
        {
            Facts.ModelMember = member;
        }
        else if (field == RequestField.Stream)
        {
            Facts.StreamMember = member;
        }
        else
        {
            Facts.InferenceGeoMember = member;
        }
    }

    private bool CheckRequired(bool countTokens)
    {
        if (!Seen(RequestField.Model))
        {
            return Refuse("model", "model: is required; name the model to call.");
        }

        if (_dialect == WireDialect.Anthropic && !countTokens && Facts.MaxTokens is null)
        {
            return Refuse("max_tokens", "max_tokens: is required; say how many tokens may be produced at most.");
        }

        if (_dialect == WireDialect.Responses)
        {
            return Seen(RequestField.Input) || HasStoredInput
                || Refuse("input", "input: is required; send a text or an array with at least one item.");
        }

        return Seen(RequestField.Messages)
            || Refuse("messages", "messages: is required; send an array with at least one message.");
    }

    private readonly bool Seen(RequestField field) => (_seen & 1ul << (int)field) != 0;

    private bool Refuse(string? param, string message)
    {
        Problem = new RequestProblem(message, param);
        return false;
    }

    private bool Wrong(RequestField field, string expected, JsonKind found)
    {
        // Where no value starts at all the body is not JSON, which NotJsonOr will say better.
        if (found == JsonKind.None)
        {
            return _walker.Cursor.Skip();
        }

        string name = NameOf(field);
        return Refuse(name, $"{name}: must be {expected} (found {found.Named()})");
    }

    /// <summary>Turns a fault of the cursor into a problem; passes on the outcome otherwise.</summary>
    private bool NotJsonOr(bool good)
    {
        JsonFault fault = _walker.Cursor.Fault;
        return fault == JsonFault.None
            ? good
            : Refuse(null, $"The request body is not valid JSON: {fault.Sentence()} at byte {_walker.Cursor.FaultAt}.");
    }

    private readonly string NameOf(RequestField field) => field switch
    {
        RequestField.Model => "model",
        RequestField.Messages => "messages",
        RequestField.Stream => "stream",
        RequestField.MaxTokens => "max_tokens",
        RequestField.MaxCompletionTokens => "max_completion_tokens",
        RequestField.StreamOptions => "stream_options",
        RequestField.Tools => "tools",
        RequestField.Functions => "functions",
        RequestField.System => "system",
        RequestField.Metadata => "metadata",
        RequestField.Thinking => "thinking",
        RequestField.OutputConfig => "output_config",
        RequestField.OutputFormat => _dialect == WireDialect.OpenAi ? "response_format" : "output_format",
        RequestField.ServiceTier => "service_tier",
        RequestField.InferenceGeo => "inference_geo",
        RequestField.ReasoningEffort => "reasoning_effort",
        RequestField.Modalities => "modalities",
        RequestField.User => "user",
        RequestField.SafetyIdentifier => "safety_identifier",
        RequestField.Input => "input",
        RequestField.Instructions => "instructions",
        RequestField.MaxOutputTokens => "max_output_tokens",
        RequestField.Reasoning => "reasoning",
        RequestField.Text => "text",
        RequestField.PreviousResponse => "previous_response_id",
        RequestField.Conversation => "conversation",
        RequestField.Prompt => "prompt",
        RequestField.Background => "background",
        _ => "",
    };
}

namespace Forebay.Protocols.Translation;

/// <summary>Writes a canonical request as an OpenAI chat completions request.</summary>
internal ref struct OpenAiRequestWriter(CanonicalRequest request, RequestScan scan, WireOutput output)
{
    /// <summary>Longest <c>safety_identifier</c>; what is longer is no name of an end user to OpenAI.</summary>
    private const int LongestUserBytes = 64;

    private readonly ReadOnlySpan<byte> _source = scan.Body;
    private WireOutput _to = output;
    private bool _anyMessage;

    public void Write()
    {
        RequestTranslator.WriteHead(ref _to, request, request.Model.Of(_source));
        _to.Raw(",\"messages\":["u8);
        foreach (CanonicalTurn turn in request.Turns)
        {
            WriteTurn(turn);
        }

        _to.Raw((byte)']');
        if (request.MaxTokens is { } maxTokens)
        {
            _to.Raw(",\"max_completion_tokens\":"u8);
            _to.Number(maxTokens);
        }

        // Usage is metered, so it is asked for whether or not the client did.
        _to.Raw(request.Stream ? ",\"stream_options\":{\"include_usage\":true}"u8 : []);
        WriteTools();
        WriteNumber(",\"temperature\":"u8, request.Temperature);
        WriteNumber(",\"top_p\":"u8, request.TopP);
        for (int i = 0; i < request.StopSequences.Count; i++)
        {
            _to.Raw(i == 0 ? ",\"stop\":["u8 : ","u8);
            _to.Quoted(request.StopSequences[i].Of(_source));
        }

        _to.Raw(request.StopSequences.Count > 0 ? "]"u8 : []);
        if (!request.OutputSchema.IsEmpty)
        {
            _to.Raw(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"u8);
            _to.Raw("{\"name\":"u8);
            _to.Quoted(request.OutputSchemaName.IsEmpty ? "answer"u8 : request.OutputSchemaName.Of(_source));
            _to.Raw(",\"strict\":true,\"schema\":"u8);
            _to.Raw(request.OutputSchema.Of(_source));
            _to.Raw("}}"u8);
        }

        _to.Raw(request.JsonMode ? ",\"response_format\":{\"type\":\"json_object\"}"u8 : []);
        WriteString(",\"reasoning_effort\":"u8, request.Effort);
        WriteString(",\"verbosity\":"u8, request.Verbosity);
        WriteString(",\"prompt_cache_key\":"u8, request.CacheKey);
        if (request.UserId.Length > LongestUserBytes)
        {
            scan.Drop(Meaning.UserId);
        }
        else if (!request.UserId.IsEmpty)
        {
            _to.Raw(",\"user\":"u8);
            _to.Quoted(request.UserId.Of(_source));
        }

        _to.Raw(request.ServiceTier switch
        {
            ServiceTier.Auto => ",\"service_tier\":\"auto\""u8,
            ServiceTier.Standard => ",\"service_tier\":\"default\""u8,
            _ => [],
        });
        _to.Raw((byte)'}');
        _to.Flush();
    }

    private void WriteNumber(scoped ReadOnlySpan<byte> name, ByteRange value)
    {
        if (!value.IsEmpty)
        {
            _to.Raw(name);
            _to.Raw(value.Of(_source));
        }
    }

    private void WriteString(scoped ReadOnlySpan<byte> name, ByteRange value)
    {
        if (!value.IsEmpty)
        {
            _to.Raw(name);
            _to.Quoted(value.Of(_source));
        }
    }

    private void WriteTurn(CanonicalTurn turn)
    {
        if (turn.Count == 0 && turn.Role != TurnRole.User)
        {
            return;
        }

        switch (turn.Role)
        {
            case TurnRole.System:
                Begin("{\"role\":\"system\",\"content\":"u8);
                WriteParts(turn.First, turn.Count);
                _to.Raw((byte)'}');
                break;
            case TurnRole.Assistant:
                WriteAssistant(turn);
                break;
            default:
                WriteUser(turn);
                break;
        }
    }

    private void Begin(scoped ReadOnlySpan<byte> start)
    {
        _to.Raw(_anyMessage ? ","u8 : []);
        _anyMessage = true;
        _to.Raw(start);
    }

    /// <summary>Results are messages of their own and come first; what they hold besides text, and the user's own
    /// words, follow in one.</summary>
    private void WriteUser(CanonicalTurn turn)
    {
        int end = turn.First + turn.Count;
        bool hasResult = false;
        bool hasMore = false;
        for (int i = turn.First; i < end; i += 1 + request[i].Children)
        {
            if (request[i].Kind != BlockKind.ToolResult)
            {
                hasMore = true;
                continue;
            }

            hasResult = true;
            WriteResult(i);
            hasMore |= HasMedia(i + 1, request[i].Children);
        }

        if (!hasResult)
        {
            Begin("{\"role\":\"user\",\"content\":"u8);
            WriteParts(turn.First, turn.Count);
            _to.Raw((byte)'}');
        }
        else if (hasMore)
        {
            Begin("{\"role\":\"user\",\"content\":["u8);
            WriteMore(turn);
            _to.Raw("]}"u8);
        }
    }

    private void WriteMore(CanonicalTurn turn)
    {
        bool any = false;
        ByteRange result = default;
        int resultEnd = turn.First;
        for (int i = turn.First; i < turn.First + turn.Count; i++)
        {
            CanonicalBlock block = request[i];
            bool inResult = i < resultEnd;
            if (block.Kind == BlockKind.ToolResult)
            {
                result = block.Id;
                resultEnd = i + 1 + block.Children;
                continue;
            }

            if (inResult && !IsMedia(block))
            {
                continue;
            }

            _to.Raw(any ? ","u8 : []);
            any = true;
            if (inResult)
            {
                _to.Raw("{\"type\":\"text\",\"text\":\"From the result of tool call "u8);
                _to.Raw(result.Of(_source));
                _to.Raw(":\"},"u8);
            }

            WritePart(block);
        }
    }

    private bool HasMedia(int first, int count)
    {
        for (int i = first; i < first + count; i++)
        {
            if (IsMedia(request[i]))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsMedia(in CanonicalBlock block) => block.Kind is BlockKind.Image or BlockKind.Document;

    private void WriteResult(int at)
    {
        CanonicalBlock result = request[at];
        Begin("{\"role\":\"tool\",\"tool_call_id\":"u8);
        _to.Quoted(result.Id.Of(_source));
        _to.Raw(",\"content\":"u8);
        bool isSingle = result.Children == 1 && request[at + 1].Kind == BlockKind.Text;
        if (isSingle || result.Children == 0)
        {
            _to.Raw(result.IsError ? "\"Error: "u8 : "\""u8);
            _to.Raw(isSingle ? request[at + 1].Text.Of(_source) : []);
            _to.Raw("\"}"u8);
            return;
        }

        _to.Raw(result.IsError ? "[{\"type\":\"text\",\"text\":\"Error: \"},"u8 : "["u8);
        for (int i = at + 1; i <= at + result.Children; i++)
        {
            _to.Raw(i > at + 1 ? ","u8 : []);
            if (IsMedia(request[i]))
            {
                _to.Raw("{\"type\":\"text\",\"text\":\"(attached in the next user message)\"}"u8);
            }
            else
            {
                WritePart(request[i]);
            }
        }

        _to.Raw("]}"u8);
    }

    private void WriteAssistant(CanonicalTurn turn)
    {
        Begin("{\"role\":\"assistant\",\"content\":"u8);
        WriteJoined(turn, BlockKind.Text, "null"u8);
        int calls = 0;
        bool thought = false;
        for (int i = turn.First; i < turn.First + turn.Count; i++)
        {
            calls += request[i].Kind == BlockKind.ToolUse ? 1 : 0;
            thought |= request[i].Kind == BlockKind.Thinking;
        }

        if (thought)
        {
            _to.Raw(",\"reasoning_content\":"u8);
            WriteJoined(turn, BlockKind.Thinking, "null"u8);
        }

        if (calls > 0)
        {
            WriteToolCalls(turn);
        }

        _to.Raw((byte)'}');
    }

    /// <summary>Writes the blocks of a kind as one string.</summary>
    private void WriteJoined(CanonicalTurn turn, BlockKind kind, scoped ReadOnlySpan<byte> otherwise)
    {
        bool any = false;
        for (int i = turn.First; i < turn.First + turn.Count; i++)
        {
            if (request[i].Kind == kind)
            {
                _to.Raw(any ? [] : "\""u8);
                any = true;
                _to.Raw(request[i].Text.Of(_source));
            }
        }

        _to.Raw(any ? "\""u8 : otherwise);
    }

    private void WriteToolCalls(CanonicalTurn turn)
    {
        _to.Raw(",\"tool_calls\":["u8);
        bool any = false;
        for (int i = turn.First; i < turn.First + turn.Count; i++)
        {
            CanonicalBlock call = request[i];
            if (call.Kind != BlockKind.ToolUse)
            {
                continue;
            }

            _to.Raw(any ? ",{\"id\":"u8 : "{\"id\":"u8);
            any = true;
            _to.Quoted(call.Id.Of(_source));
            _to.Raw(",\"type\":\"function\",\"function\":{\"name\":"u8);
            _to.Quoted(call.Name.Of(_source));
            _to.Raw(",\"arguments\":\""u8);
            if (call.InputIsText)
            {
                _to.Raw(call.Input.Of(_source));
            }
            else if (call.Input.IsEmpty)
            {
                _to.Raw("{}"u8);
            }
            else
            {
                _to.Escaped(call.Input.Of(_source));
            }

            _to.Raw("\"}}"u8);
        }

        _to.Raw((byte)']');
    }

    /// <summary>Writes content: one text as a string, anything else as parts.</summary>
    private void WriteParts(int first, int count)
    {
        if (count == 0)
        {
            _to.Raw("\"\""u8);
            return;
        }

        if (count == 1 && request[first].Kind == BlockKind.Text)
        {
            _to.Quoted(request[first].Text.Of(_source));
            return;
        }

        _to.Raw((byte)'[');
        for (int i = first; i < first + count; i++)
        {
            _to.Raw(i > first ? ","u8 : []);
            WritePart(request[i]);
        }

        _to.Raw((byte)']');
    }

    private void WritePart(in CanonicalBlock block)
    {
        switch (block.Kind)
        {
            case BlockKind.Image:
                _to.Raw("{\"type\":\"image_url\",\"image_url\":{\"url\":"u8);
                WriteAddress(block);
                _to.Raw("}}"u8);
                break;
            case BlockKind.Document:
                _to.Raw("{\"type\":\"file\",\"file\":{\"filename\":\""u8);
                _to.Raw(block.Name.IsEmpty ? "document.pdf"u8 : block.Name.Of(_source));
                _to.Raw("\",\"file_data\":"u8);
                WriteAddress(block);
                _to.Raw("}}"u8);
                break;
            default:
                _to.Raw("{\"type\":\"text\",\"text\":"u8);
                _to.Quoted(block.Text.Of(_source));
                _to.Raw((byte)'}');
                break;
        }
    }

    private void WriteAddress(in CanonicalBlock block)
    {
        _to.Raw((byte)'"');
        if (!block.MediaType.IsEmpty)
        {
            _to.Raw("data:"u8);
            _to.Raw(block.MediaType.Of(_source));
            _to.Raw(";base64,"u8);
        }

        _to.Raw(block.Text.Of(_source));
        _to.Raw((byte)'"');
    }

    private void WriteTools()
    {
        if (request.Tools.Count == 0)
        {
            return;
        }

        _to.Raw(",\"tools\":["u8);
        for (int i = 0; i < request.Tools.Count; i++)
        {
            CanonicalTool tool = request.Tools[i];
            _to.Raw(i > 0 ? ","u8 : []);
            _to.Raw("{\"type\":\"function\",\"function\":{\"name\":"u8);
            _to.Quoted(tool.Name.Of(_source));
            if (!tool.Description.IsEmpty)
            {
                _to.Raw(",\"description\":"u8);
                _to.Quoted(tool.Description.Of(_source));
            }

            if (!tool.Schema.IsEmpty)
            {
                _to.Raw(",\"parameters\":"u8);
                _to.Raw(tool.Schema.Of(_source));
            }

            _to.Raw(scan.IsTrue(tool.Strict) ? ",\"strict\":true}}"u8 : "}}"u8);
        }

        _to.Raw((byte)']');
        WriteToolChoice();
    }

    private void WriteToolChoice()
    {
        _to.Raw(request.ToolChoice switch
        {
            ToolChoice.Auto => ",\"tool_choice\":\"auto\""u8,
            ToolChoice.Any => ",\"tool_choice\":\"required\""u8,
            ToolChoice.None => ",\"tool_choice\":\"none\""u8,
            ToolChoice.Named => ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":"u8,
            _ => [],
        });
        if (request.ToolChoice == ToolChoice.Named)
        {
            _to.Quoted(request.ToolChoiceName.Of(_source));
            _to.Raw("}}"u8);
        }

        _to.Raw(request.ParallelTools switch
        {
            true => ",\"parallel_tool_calls\":true"u8,
            false => ",\"parallel_tool_calls\":false"u8,
            _ => [],
        });
    }
}

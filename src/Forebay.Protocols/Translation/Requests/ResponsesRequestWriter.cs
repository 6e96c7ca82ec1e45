namespace Forebay.Protocols.Translation;

/// <summary>Writes a canonical request as an OpenAI Responses request that leaves nothing behind at the upstream.
/// </summary>
internal ref struct ResponsesRequestWriter(CanonicalRequest request, RequestScan scan, WireOutput output)
{
    /// <summary>Longest <c>safety_identifier</c>.</summary>
    private const int LongestUserBytes = 64;

    private readonly ReadOnlySpan<byte> _source = scan.Body;
    private WireOutput _to = output;
    private bool _anyItem;

    public void Write()
    {
        RequestTranslator.WriteHead(ref _to, request, request.Model.Of(_source));
        _to.Raw(",\"input\":["u8);
        foreach (CanonicalTurn turn in request.Turns)
        {
            WriteTurn(turn);
        }

        _to.Raw("],\"store\":false"u8);
        if (request.MaxTokens is { } maxTokens)
        {
            _to.Raw(",\"max_output_tokens\":"u8);
            _to.Number(maxTokens);
        }

        WriteTools();
        WriteNumber(",\"temperature\":"u8, request.Temperature);
        WriteNumber(",\"top_p\":"u8, request.TopP);
        WriteText();
        WriteReasoning();
        WriteString(",\"prompt_cache_key\":"u8, request.CacheKey);
        if (request.UserId.Length > LongestUserBytes)
        {
            scan.Drop(Meaning.UserId);
        }
        else
        {
            WriteString(",\"safety_identifier\":"u8, request.UserId);
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

    /// <summary>What an answer looks like: its format, and how much is said.</summary>
    private void WriteText()
    {
        bool hasFormat = request.JsonMode || !request.OutputSchema.IsEmpty;
        if (!hasFormat && request.Verbosity.IsEmpty)
        {
            return;
        }

        _to.Raw(",\"text\":{"u8);
        if (request.JsonMode)
        {
            _to.Raw("\"format\":{\"type\":\"json_object\"}"u8);
        }
        else if (hasFormat)
        {
            _to.Raw("\"format\":{\"type\":\"json_schema\",\"name\":"u8);
            _to.Quoted(request.OutputSchemaName.IsEmpty ? "answer"u8 : request.OutputSchemaName.Of(_source));
            _to.Raw(",\"strict\":true,\"schema\":"u8);
            _to.Raw(request.OutputSchema.Of(_source));
            _to.Raw((byte)'}');
        }

        WriteString(hasFormat ? ",\"verbosity\":"u8 : "\"verbosity\":"u8, request.Verbosity);
        _to.Raw((byte)'}');
    }

    /// <summary>Reasoning comes back encrypted where it is asked for: models that do not reason refuse to be asked.
    /// </summary>
    private void WriteReasoning()
    {
        if (request.WantsThinking)
        {
            _to.Raw(",\"include\":[\"reasoning.encrypted_content\"],\"reasoning\":{\"summary\":\"auto\""u8);
            WriteString(",\"effort\":"u8, request.Effort);
            _to.Raw((byte)'}');
        }
        else if (!request.Effort.IsEmpty)
        {
            _to.Raw(",\"reasoning\":{\"effort\":"u8);
            _to.Quoted(request.Effort.Of(_source));
            _to.Raw((byte)'}');
        }
    }

    private void Begin(scoped ReadOnlySpan<byte> start)
    {
        _to.Raw(_anyItem ? ","u8 : []);
        _anyItem = true;
        _to.Raw(start);
    }

    private void WriteTurn(CanonicalTurn turn)
    {
        switch (turn.Role)
        {
            case TurnRole.System when turn.Count > 0:
                Begin("{\"type\":\"message\",\"role\":\"system\",\"content\":"u8);
                WriteParts(turn.First, turn.Count);
                _to.Raw((byte)'}');
                break;
            case TurnRole.Assistant:
                WriteAssistant(turn);
                break;
            case TurnRole.User:
                WriteUser(turn);
                break;
        }
    }

    /// <summary>Results are items of their own and come first; the user's own words follow.</summary>
    private void WriteUser(CanonicalTurn turn)
    {
        int end = turn.First + turn.Count;
        int words = 0;
        int last = turn.First;
        for (int i = turn.First; i < end; i += 1 + request[i].Children)
        {
            if (request[i].Kind == BlockKind.ToolResult)
            {
                WriteResult(i);
            }
            else
            {
                words++;
                last = i;
            }
        }

        if (words == 0 && turn.Count > 0)
        {
            return;
        }

        Begin("{\"type\":\"message\",\"role\":\"user\",\"content\":"u8);
        if (words <= 1)
        {
            WriteParts(last, words);
        }
        else
        {
            _to.Raw((byte)'[');
            bool any = false;
            for (int i = turn.First; i < end; i += 1 + request[i].Children)
            {
                if (request[i].Kind != BlockKind.ToolResult)
                {
                    _to.Raw(any ? ","u8 : []);
                    any = true;
                    WritePart(request[i]);
                }
            }

            _to.Raw((byte)']');
        }

        _to.Raw((byte)'}');
    }

    private void WriteResult(int at)
    {
        CanonicalBlock result = request[at];
        Begin("{\"type\":\"function_call_output\",\"call_id\":"u8);
        _to.Quoted(result.Id.Of(_source));
        _to.Raw(",\"output\":"u8);
        bool isSingle = result.Children == 1 && request[at + 1].Kind == BlockKind.Text;
        if (isSingle || result.Children == 0)
        {
            _to.Raw(result.IsError ? "\"Error: "u8 : "\""u8);
            _to.Raw(isSingle ? request[at + 1].Text.Of(_source) : []);
            _to.Raw("\"}"u8);
            return;
        }

        _to.Raw(result.IsError ? "[{\"type\":\"input_text\",\"text\":\"Error: \"},"u8 : "["u8);
        for (int i = at + 1; i <= at + result.Children; i++)
        {
            _to.Raw(i > at + 1 ? ","u8 : []);
            WritePart(request[i]);
        }

        _to.Raw("]}"u8);
    }

    /// <summary>What was said, thought and called, in the order it came.</summary>
    private void WriteAssistant(CanonicalTurn turn)
    {
        bool inText = false;
        for (int i = turn.First; i < turn.First + turn.Count; i++)
        {
            CanonicalBlock block = request[i];
            if (block.Kind != BlockKind.Text && inText)
            {
                _to.Raw("\"}"u8);
                inText = false;
            }

            switch (block.Kind)
            {
                case BlockKind.Text:
                    if (!inText)
                    {
                        Begin("{\"type\":\"message\",\"role\":\"assistant\",\"content\":\""u8);
                    }

                    inText = true;
                    _to.Raw(block.Text.Of(_source));
                    break;
                case BlockKind.Thinking:
                    WriteThinking(block);
                    break;
                case BlockKind.ToolUse:
                    WriteCall(block);
                    break;
            }
        }

        _to.Raw(inText ? "\"}"u8 : []);
    }

    private void WriteThinking(CanonicalBlock block)
    {
        ByteRange seal = block.Signature;
        if (!Seals.TryRead(_source, ref seal, out SealKind kind) || kind != SealKind.Responses)
        {
            scan.Drop(Meaning.ThinkingText);
            return;
        }

        Begin("{\"type\":\"reasoning\",\"summary\":["u8);
        if (!block.Text.IsEmpty)
        {
            _to.Raw("{\"type\":\"summary_text\",\"text\":"u8);
            _to.Quoted(block.Text.Of(_source));
            _to.Raw((byte)'}');
        }

        _to.Raw("],\"encrypted_content\":"u8);
        _to.Quoted(seal.Of(_source));
        _to.Raw((byte)'}');
    }

    private void WriteCall(in CanonicalBlock call)
    {
        Begin("{\"type\":\"function_call\",\"call_id\":"u8);
        _to.Quoted(call.Id.Of(_source));
        _to.Raw(",\"name\":"u8);
        _to.Quoted(call.Name.Of(_source));
        _to.Raw(",\"arguments\":\""u8);
        if (call.InputIsText && !call.Input.IsEmpty)
        {
            _to.Raw(call.Input.Of(_source));
        }
        else
        {
            _to.Escaped(call.Input.IsEmpty ? "{}"u8 : call.Input.Of(_source));
        }

        _to.Raw("\"}"u8);
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
                _to.Raw("{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":"u8);
                WriteAddress(block);
                break;
            case BlockKind.Document:
                _to.Raw("{\"type\":\"input_file\",\"filename\":"u8);
                _to.Quoted(block.Name.IsEmpty ? "document.pdf"u8 : block.Name.Of(_source));
                _to.Raw(",\"file_data\":"u8);
                WriteAddress(block);
                break;
            default:
                _to.Raw("{\"type\":\"input_text\",\"text\":"u8);
                _to.Quoted(block.Text.Of(_source));
                break;
        }

        _to.Raw((byte)'}');
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
            _to.Raw(i > 0 ? ",{\"type\":\"function\",\"name\":"u8 : "{\"type\":\"function\",\"name\":"u8);
            _to.Quoted(tool.Name.Of(_source));
            WriteString(",\"description\":"u8, tool.Description);
            _to.Raw(",\"parameters\":"u8);
            _to.Raw(tool.Schema.IsEmpty ? "{\"type\":\"object\",\"properties\":{}}"u8 : tool.Schema.Of(_source));
            // Strict unless it is told otherwise, which no schema of another dialect is written for.
            _to.Raw(scan.IsTrue(tool.Strict) ? ",\"strict\":true}"u8 : ",\"strict\":false}"u8);
        }

        _to.Raw((byte)']');
        _to.Raw(request.ToolChoice switch
        {
            ToolChoice.Auto => ",\"tool_choice\":\"auto\""u8,
            ToolChoice.Any => ",\"tool_choice\":\"required\""u8,
            ToolChoice.None => ",\"tool_choice\":\"none\""u8,
            ToolChoice.Named => ",\"tool_choice\":{\"type\":\"function\",\"name\":"u8,
            _ => [],
        });
        if (request.ToolChoice == ToolChoice.Named)
        {
            _to.Quoted(request.ToolChoiceName.Of(_source));
            _to.Raw((byte)'}');
        }

        _to.Raw(request.ParallelTools switch
        {
            true => ",\"parallel_tool_calls\":true"u8,
            false => ",\"parallel_tool_calls\":false"u8,
            _ => [],
        });
    }
}

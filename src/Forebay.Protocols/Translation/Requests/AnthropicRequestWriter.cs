using System.Buffers;
using System.Globalization;

namespace Forebay.Protocols.Translation;

/// <summary>Writes a canonical request as an Anthropic Messages request.</summary>
internal ref struct AnthropicRequestWriter(
    CanonicalRequest request, RequestScan scan, int maxOutputTokens, WireOutput output)
{
    private static readonly SearchValues<byte> Emptiness = SearchValues.Create("{} \t\r\n"u8);

    private const double MaxTemperature = 1;

    private readonly ReadOnlySpan<byte> _source = scan.Body;
    private WireOutput _to = output;

    /// <summary>Notes what the dialect cannot say for its value rather than its field.</summary>
    public static void Check(CanonicalRequest request, RequestScan scan)
    {
        ReadOnlySpan<byte> number = request.Temperature.Of(scan.Body);
        if (double.TryParse(number, CultureInfo.InvariantCulture, out double value) && value > MaxTemperature)
        {
            scan.Refuse("temperature", "is above 1, the most that Anthropic takes; send 0 to 1");
        }
    }

    public void Write()
    {
        RequestTranslator.WriteHead(ref _to, request, request.Model.Of(_source));
        _to.Raw(",\"max_tokens\":"u8);
        _to.Number(request.MaxTokens ?? maxOutputTokens);
        int turns = WriteSystem();
        WriteMessages(turns);
        WriteTools();
        WriteSampling();
        if (!request.UserId.IsEmpty)
        {
            _to.Raw(",\"metadata\":{\"user_id\":"u8);
            _to.Quoted(request.UserId.Of(_source));
            _to.Raw((byte)'}');
        }

        if (!request.OutputSchema.IsEmpty)
        {
            _to.Raw(",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":"u8);
            _to.Raw(request.OutputSchema.Of(_source));
            _to.Raw("}}"u8);
        }

        _to.Raw(request.ServiceTier switch
        {
            ServiceTier.Auto => ",\"service_tier\":\"auto\""u8,
            ServiceTier.Standard => ",\"service_tier\":\"standard_only\""u8,
            _ => [],
        });
        _to.Raw((byte)'}');
        _to.Flush();
    }

    /// <summary>Instructions before everything else are the system prompt. Returns how many turns they are.</summary>
    private int WriteSystem()
    {
        int turns = 0;
        bool any = false;
        for (; turns < request.Turns.Count && request.Turns[turns].Role == TurnRole.System; turns++)
        {
            CanonicalTurn turn = request.Turns[turns];
            for (int i = turn.First; i < turn.First + turn.Count; i++)
            {
                _to.Raw(any ? ","u8 : ",\"system\":["u8);
                any = true;
                WriteBlock(request[i]);
            }
        }

        _to.Raw(any ? "]"u8 : []);
        return turns;
    }

    private void WriteMessages(int from)
    {
        _to.Raw(",\"messages\":["u8);
        bool any = false;
        for (int t = from; t < request.Turns.Count; t++)
        {
            CanonicalTurn turn = request.Turns[t];
            if (turn.Count == 0 && turn.Role != TurnRole.User)
            {
                continue;
            }

            _to.Raw(any ? ","u8 : []);
            any = true;
            _to.Raw(turn.Role switch
            {
                TurnRole.User => "{\"role\":\"user\",\"content\":"u8,
                TurnRole.Assistant => "{\"role\":\"assistant\",\"content\":"u8,
                _ => "{\"role\":\"system\",\"content\":"u8,
            });
            WriteContent(turn.First, turn.Count);
            _to.Raw((byte)'}');
        }

        _to.Raw((byte)']');
    }

    private void WriteContent(int first, int count)
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
        bool any = false;
        for (int i = first; i < first + count; i += 1 + request[i].Children)
        {
            if (request[i].Kind == BlockKind.Thinking && request[i].Signature.IsEmpty)
            {
                continue;
            }

            _to.Raw(any ? ","u8 : []);
            any = true;
            if (request[i].Kind == BlockKind.ToolResult)
            {
                WriteResult(i);
            }
            else
            {
                WriteBlock(request[i]);
            }
        }

        _to.Raw((byte)']');
    }

    private void WriteBlock(in CanonicalBlock block)
    {
        switch (block.Kind)
        {
            case BlockKind.Text:
                _to.Raw("{\"type\":\"text\",\"text\":"u8);
                _to.Quoted(block.Text.Of(_source));
                _to.Raw((byte)'}');
                break;
            case BlockKind.Image:
                _to.Raw("{\"type\":\"image\""u8);
                WriteSource(block);
                break;
            case BlockKind.Document:
                _to.Raw("{\"type\":\"document\""u8);
                if (!block.Name.IsEmpty)
                {
                    _to.Raw(",\"title\":"u8);
                    _to.Quoted(block.Name.Of(_source));
                }

                WriteSource(block);
                break;
            case BlockKind.Thinking when block.Seal == SealKind.AnthropicSealed:
                _to.Raw("{\"type\":\"redacted_thinking\",\"data\":"u8);
                _to.Quoted(block.Signature.Of(_source));
                _to.Raw((byte)'}');
                break;
            case BlockKind.Thinking:
                _to.Raw("{\"type\":\"thinking\",\"thinking\":"u8);
                _to.Quoted(block.Text.Of(_source));
                _to.Raw(",\"signature\":"u8);
                _to.Quoted(block.Signature.Of(_source));
                _to.Raw((byte)'}');
                break;
            case BlockKind.ToolUse:
                _to.Raw("{\"type\":\"tool_use\",\"id\":"u8);
                AnswerWords.WriteAnthropicId(ref _to, block.Id.Of(_source));
                _to.Raw(",\"name\":"u8);
                _to.Quoted(block.Name.Of(_source));
                _to.Raw(",\"input\":"u8);
                WriteInput(block);
                _to.Raw((byte)'}');
                break;
        }
    }

    private void WriteSource(in CanonicalBlock block)
    {
        if (block.MediaType.IsEmpty)
        {
            _to.Raw(",\"source\":{\"type\":\"url\",\"url\":"u8);
        }
        else
        {
            _to.Raw(",\"source\":{\"type\":\"base64\",\"media_type\":"u8);
            _to.Quoted(block.MediaType.Of(_source));
            _to.Raw(",\"data\":"u8);
        }

        _to.Quoted(block.Text.Of(_source));
        _to.Raw("}}"u8);
    }

    private void WriteResult(int at)
    {
        CanonicalBlock result = request[at];
        _to.Raw("{\"type\":\"tool_result\",\"tool_use_id\":"u8);
        AnswerWords.WriteAnthropicId(ref _to, result.Id.Of(_source));
        _to.Raw(",\"content\":"u8);
        WriteContent(at + 1, result.Children);
        _to.Raw(result.IsError ? ",\"is_error\":true}"u8 : "}"u8);
    }

    private void WriteInput(in CanonicalBlock call)
    {
        if (call.Input.IsEmpty)
        {
            _to.Raw("{}"u8);
        }
        else if (call.InputIsText)
        {
            scan.Scratch.ResetWrittenCount();
            StringContent.Decode(call.Input.Of(_source), scan.Scratch);
            _to.Raw(scan.Scratch.WrittenSpan);
        }
        else
        {
            _to.Raw(call.Input.Of(_source));
        }
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
            _to.Raw(i > 0 ? ",{\"name\":"u8 : "{\"name\":"u8);
            _to.Quoted(tool.Name.Of(_source));
            if (!tool.Description.IsEmpty)
            {
                _to.Raw(",\"description\":"u8);
                _to.Quoted(tool.Description.Of(_source));
            }

            _to.Raw(",\"input_schema\":"u8);
            _to.Raw(SaysNothing(tool.Schema) ? "{\"type\":\"object\",\"properties\":{}}"u8 : tool.Schema.Of(_source));
            _to.Raw(scan.IsTrue(tool.Strict) ? ",\"strict\":true}"u8 : "}"u8);
        }

        _to.Raw((byte)']');
        WriteToolChoice();
    }

    /// <summary>No schema, or an empty one: Anthropic's must say that it is one of an object.</summary>
    private bool SaysNothing(ByteRange schema) => schema.Of(_source).IndexOfAnyExcept(Emptiness) < 0;

    private void WriteToolChoice()
    {
        bool single = request.ParallelTools == false && request.ToolChoice != ToolChoice.None;
        if (request.ToolChoice == ToolChoice.Unsaid && !single)
        {
            return;
        }

        _to.Raw(request.ToolChoice switch
        {
            ToolChoice.Any => ",\"tool_choice\":{\"type\":\"any\""u8,
            ToolChoice.None => ",\"tool_choice\":{\"type\":\"none\""u8,
            ToolChoice.Named => ",\"tool_choice\":{\"type\":\"tool\",\"name\":"u8,
            _ => ",\"tool_choice\":{\"type\":\"auto\""u8,
        });
        if (request.ToolChoice == ToolChoice.Named)
        {
            _to.Quoted(request.ToolChoiceName.Of(_source));
        }

        _to.Raw(single ? ",\"disable_parallel_tool_use\":true}"u8 : "}"u8);
    }

    private void WriteSampling()
    {
        if (!request.Temperature.IsEmpty)
        {
            _to.Raw(",\"temperature\":"u8);
            _to.Raw(request.Temperature.Of(_source));
        }

        if (!request.TopP.IsEmpty)
        {
            _to.Raw(",\"top_p\":"u8);
            _to.Raw(request.TopP.Of(_source));
        }

        if (!request.TopK.IsEmpty)
        {
            _to.Raw(",\"top_k\":"u8);
            _to.Raw(request.TopK.Of(_source));
        }

        for (int i = 0; i < request.StopSequences.Count; i++)
        {
            _to.Raw(i == 0 ? ",\"stop_sequences\":["u8 : ","u8);
            _to.Quoted(request.StopSequences[i].Of(_source));
        }

        _to.Raw(request.StopSequences.Count > 0 ? "]"u8 : []);
    }
}

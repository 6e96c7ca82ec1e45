using System.Buffers;
using System.Globalization;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>Writes a canonical request as one of Bedrock's Converse. The model and whether to stream stand in the path.
/// </summary>
internal ref struct ConverseRequestWriter(
    CanonicalRequest request, RequestScan scan, int maxOutputTokens, WireOutput output)
{
    private static readonly SearchValues<byte> Emptiness = SearchValues.Create("{} \t\r\n"u8);

    private const double MaxTemperature = 1;
    private const int LongestMediaType = 32;

    private readonly ReadOnlySpan<byte> _source = scan.Body;
    private WireOutput _to = output;

    /// <summary>Who speaks in the message that is open: the roles alternate, so turns of one role become one.</summary>
    private TurnRole? _open;
    private int _documents;

    /// <summary>Notes what the dialect cannot say for its value rather than its field.</summary>
    public static void Check(CanonicalRequest request, RequestScan scan)
    {
        ReadOnlySpan<byte> number = request.Temperature.Of(scan.Body);
        if (double.TryParse(number, CultureInfo.InvariantCulture, out double value) && value > MaxTemperature)
        {
            scan.Refuse("temperature", "is above 1, the most that Converse takes; send 0 to 1");
        }

        if (request.ParallelTools == false)
        {
            scan.Refuse("tool_choice", "Converse cannot be asked for one tool call at a time; leave it out");
        }

        bool hasToolBlocks = false;
        bool hasOtherImages = false;
        for (int i = 0; i < request.BlockCount; i++)
        {
            CanonicalBlock block = request[i];
            hasToolBlocks |= block.Kind is BlockKind.ToolUse or BlockKind.ToolResult;
            hasOtherImages |= block.Kind == BlockKind.Image && FormatOf(block.MediaType.Of(scan.Body)).IsEmpty;
        }

        if (hasOtherImages)
        {
            scan.Refuse("messages", "Converse takes images by their bytes alone, as PNG, JPEG, GIF or WebP");
        }

        if (hasToolBlocks && (request.Tools.Count == 0 || request.ToolChoice == ToolChoice.None))
        {
            scan.Refuse(
                "tools",
                "Converse must be offered tools where messages hold calls or results of them; send the tools, and no " +
                    "tool_choice that forbids them");
        }
    }

    public void Write()
    {
        _to.Raw("{\"messages\":["u8);
        int turns = 0;
        while (turns < request.Turns.Count && request.Turns[turns].Role == TurnRole.System)
        {
            turns++;
        }

        for (int t = turns; t < request.Turns.Count; t++)
        {
            WriteTurn(request.Turns[t]);
        }

        _to.Raw(_open is null ? "]"u8 : "]}]"u8);
        WriteSystem(turns);
        WriteInference();
        WriteTools();
        if (!request.OutputSchema.IsEmpty)
        {
            _to.Raw(",\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":"u8);
            _to.Raw("{\"name\":\"answer\",\"schema\":\""u8);
            _to.Escaped(request.OutputSchema.Of(_source));
            _to.Raw("\"}}}}"u8);
        }

        _to.Raw((byte)'}');
        _to.Flush();
    }

    private void WriteSystem(int turns)
    {
        bool any = false;
        for (int t = 0; t < turns; t++)
        {
            CanonicalTurn turn = request.Turns[t];
            for (int i = turn.First; i < turn.First + turn.Count; i++)
            {
                if (IsBlank(request[i].Text))
                {
                    continue;
                }

                _to.Raw(any ? ",{\"text\":"u8 : ",\"system\":[{\"text\":"u8);
                any = true;
                _to.Quoted(request[i].Text.Of(_source));
                _to.Raw((byte)'}');
            }
        }

        _to.Raw(any ? "]"u8 : []);
    }

    private void WriteTurn(CanonicalTurn turn)
    {
        for (int i = turn.First; i < turn.First + turn.Count; i += 1 + request[i].Children)
        {
            CanonicalBlock block = request[i];
            bool saysNothing = block.Kind == BlockKind.Text ? IsBlank(block.Text)
                : block.Kind == BlockKind.Thinking && block.Signature.IsEmpty;
            if (saysNothing)
            {
                continue;
            }

            Begin(turn.Role == TurnRole.Assistant ? TurnRole.Assistant : TurnRole.User);
            if (turn.Role == TurnRole.System)
            {
                _to.Raw("{\"text\":\"<system>\\n"u8);
                _to.Raw(block.Text.Of(_source));
                _to.Raw("\\n</system>\"}"u8);
            }
            else if (block.Kind == BlockKind.ToolResult)
            {
                WriteResult(i);
            }
            else
            {
                WriteBlock(block);
            }
        }
    }

    /// <summary>Begins a block in a message of a role.</summary>
    private void Begin(TurnRole role)
    {
        if (_open == role)
        {
            _to.Raw((byte)',');
            return;
        }

        _to.Raw(_open is null ? [] : "]},"u8);
        _open = role;
        _to.Raw(role == TurnRole.User
            ? "{\"role\":\"user\",\"content\":["u8
            : "{\"role\":\"assistant\",\"content\":["u8);
    }

    private void WriteBlock(in CanonicalBlock block)
    {
        switch (block.Kind)
        {
            case BlockKind.Image:
                _to.Raw("{\"image\":{\"format\":\""u8);
                _to.Raw(FormatOf(block.MediaType.Of(_source)));
                WriteBytes(block, "\",\"source\":{\"bytes\":"u8);
                break;
            case BlockKind.Document:
                _to.Raw("{\"document\":{\"format\":\"pdf\",\"name\":\""u8);
                WriteName(block.Name);
                WriteBytes(block, "\",\"source\":{\"bytes\":"u8);
                break;
            case BlockKind.Thinking:
                _to.Raw("{\"reasoningContent\":{\"reasoningText\":{\"text\":"u8);
                _to.Quoted(block.Text.Of(_source));
                _to.Raw(",\"signature\":"u8);
                _to.Quoted(block.Signature.Of(_source));
                _to.Raw("}}}"u8);
                break;
            case BlockKind.ToolUse:
                _to.Raw("{\"toolUse\":{\"toolUseId\":"u8);
                AnswerWords.WriteAnthropicId(ref _to, block.Id.Of(_source));
                _to.Raw(",\"name\":"u8);
                _to.Quoted(block.Name.Of(_source));
                _to.Raw(",\"input\":"u8);
                WriteInput(block);
                _to.Raw("}}"u8);
                break;
            default:
                _to.Raw("{\"text\":"u8);
                _to.Quoted(block.Text.Of(_source));
                _to.Raw((byte)'}');
                break;
        }
    }

    private void WriteBytes(in CanonicalBlock block, ReadOnlySpan<byte> before)
    {
        _to.Raw(before);
        _to.Quoted(block.Text.Of(_source));
        _to.Raw("}}}"u8);
    }

    /// <summary>A document's name as Converse takes them: letters, digits, single spaces, hyphens, brackets; no two
    /// alike.</summary>
    private void WriteName(ByteRange title)
    {
        const int longest = 100;
        bool wasSpace = true;
        ReadOnlySpan<byte> text = title.IsEmpty ? "document"u8 : title.Of(_source);
        foreach (byte next in text.Length > longest ? text[..longest] : text)
        {
            bool isPlain = char.IsAsciiLetterOrDigit((char)next)
                || next is (byte)'-' or (byte)'(' or (byte)')' or (byte)'[' or (byte)']';
            if (next != ' ' || !wasSpace)
            {
                _to.Raw(isPlain || next == ' ' ? next : (byte)'-');
            }

            wasSpace = next == ' ';
        }

        _to.Raw((byte)'-');
        _to.Number(++_documents);
    }

    private void WriteResult(int at)
    {
        CanonicalBlock result = request[at];
        _to.Raw("{\"toolResult\":{\"toolUseId\":"u8);
        AnswerWords.WriteAnthropicId(ref _to, result.Id.Of(_source));
        _to.Raw(",\"content\":["u8);
        bool any = false;
        for (int i = at + 1; i <= at + result.Children; i++)
        {
            if (request[i].Kind == BlockKind.Text && IsBlank(request[i].Text))
            {
                continue;
            }

            _to.Raw(any ? ","u8 : []);
            any = true;
            WriteBlock(request[i]);
        }

        _to.Raw(result.IsError ? "],\"status\":\"error\"}}"u8 : "]}}"u8);
    }

    private void WriteInput(in CanonicalBlock call)
    {
        if (call.InputIsText && !call.Input.IsEmpty)
        {
            scan.Scratch.ResetWrittenCount();
            StringContent.Decode(call.Input.Of(_source), scan.Scratch);
            _to.Raw(scan.Scratch.WrittenSpan);
        }
        else
        {
            _to.Raw(call.Input.IsEmpty ? "{}"u8 : call.Input.Of(_source));
        }
    }

    private void WriteInference()
    {
        _to.Raw(",\"inferenceConfig\":{\"maxTokens\":"u8);
        _to.Number(request.MaxTokens ?? maxOutputTokens);
        if (!request.Temperature.IsEmpty)
        {
            _to.Raw(",\"temperature\":"u8);
            _to.Raw(request.Temperature.Of(_source));
        }

        if (!request.TopP.IsEmpty)
        {
            _to.Raw(",\"topP\":"u8);
            _to.Raw(request.TopP.Of(_source));
        }

        for (int i = 0; i < request.StopSequences.Count; i++)
        {
            _to.Raw(i == 0 ? ",\"stopSequences\":["u8 : ","u8);
            _to.Quoted(request.StopSequences[i].Of(_source));
        }

        _to.Raw(request.StopSequences.Count > 0 ? "]}"u8 : "}"u8);
    }

    private void WriteTools()
    {
        if (request.Tools.Count == 0 || request.ToolChoice == ToolChoice.None)
        {
            return;
        }

        _to.Raw(",\"toolConfig\":{\"tools\":["u8);
        for (int i = 0; i < request.Tools.Count; i++)
        {
            CanonicalTool tool = request.Tools[i];
            _to.Raw(i > 0 ? ",{\"toolSpec\":{\"name\":"u8 : "{\"toolSpec\":{\"name\":"u8);
            _to.Quoted(tool.Name.Of(_source));
            if (!IsBlank(tool.Description))
            {
                _to.Raw(",\"description\":"u8);
                _to.Quoted(tool.Description.Of(_source));
            }

            _to.Raw(",\"inputSchema\":{\"json\":"u8);
            bool saysNothing = tool.Schema.Of(_source).IndexOfAnyExcept(Emptiness) < 0;
            _to.Raw(saysNothing ? "{\"type\":\"object\",\"properties\":{}}"u8 : tool.Schema.Of(_source));
            _to.Raw(scan.IsTrue(tool.Strict) ? "},\"strict\":true}}"u8 : "}}}"u8);
        }

        _to.Raw(request.ToolChoice switch
        {
            ToolChoice.Auto => "],\"toolChoice\":{\"auto\":{}}}"u8,
            ToolChoice.Any => "],\"toolChoice\":{\"any\":{}}}"u8,
            ToolChoice.Named => "],\"toolChoice\":{\"tool\":{\"name\":"u8,
            _ => "]}"u8,
        });
        if (request.ToolChoice == ToolChoice.Named)
        {
            _to.Quoted(request.ToolChoiceName.Of(_source));
            _to.Raw("}}}"u8);
        }
    }

    /// <summary>Whether text is nothing but white space, which Converse refuses as text.</summary>
    private readonly bool IsBlank(ByteRange content)
    {
        ReadOnlySpan<byte> text = content.Of(_source);
        while (!text.IsEmpty)
        {
            bool isEscape = text.Length > 1 && text[0] == '\\' && text[1] is (byte)'n' or (byte)'r' or (byte)'t';
            if (!isEscape && text[0] != ' ')
            {
                return false;
            }

            text = text[(isEscape ? 2 : 1)..];
        }

        return true;
    }

    /// <summary>Converse's word for an image's media type; empty where it has none.</summary>
    private static ReadOnlySpan<byte> FormatOf(ReadOnlySpan<byte> mediaType)
    {
        Span<byte> text = stackalloc byte[LongestMediaType];
        ReadOnlySpan<byte> word = JsonText.TryUnescapeAscii(mediaType, text, out int length) ? text[..length] : default;
        return word switch
        {
            _ when word.SequenceEqual("image/png"u8) => "png"u8,
            _ when word.SequenceEqual("image/jpeg"u8) || word.SequenceEqual("image/jpg"u8) => "jpeg"u8,
            _ when word.SequenceEqual("image/gif"u8) => "gif"u8,
            _ when word.SequenceEqual("image/webp"u8) => "webp"u8,
            _ => default,
        };
    }
}

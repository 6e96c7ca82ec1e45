using Forebay.Protocols.Json;
using Fields = Forebay.Protocols.Translation.AnthropicFields;

namespace Forebay.Protocols.Translation;

/// <summary>Reads an Anthropic Messages request into the canonical form.</summary>
internal sealed class AnthropicRequestReader(RequestScan scan, CanonicalRequest request)
{
    private ByteRange _system;

    public void Read(int start)
    {
        var cursor = new JsonCursor(scan.Body, start);
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Request, ref first, out Meaning meaning);)
        {
            if (meaning == Meaning.Messages && cursor.Peek() == JsonKind.Array)
            {
                ReadMessages(ref cursor);
            }
            else if (cursor.ReadValue(out ByteRange value) && scan.Has(value))
            {
                ReadField(meaning, value);
            }
        }

        ReadSystem();
    }

    private void ReadField(Meaning meaning, ByteRange value)
    {
        switch (meaning)
        {
            case Meaning.System:
                _system = value;
                break;
            case Meaning.Temperature:
                request.Temperature = value;
                break;
            case Meaning.TopP:
                request.TopP = value;
                break;
            case Meaning.TopK:
                request.TopK = value;
                break;
            case Meaning.StopSequences:
                ReadStopSequences(value);
                break;
            case Meaning.Tools:
                ReadTools(value);
                break;
            case Meaning.ToolChoice:
                ReadToolChoice(value);
                break;
            case Meaning.Metadata:
                ReadMetadata(value);
                break;
            case Meaning.ServiceTier:
                request.ServiceTier = scan.Is(value, "standard_only"u8) ? ServiceTier.Standard : ServiceTier.Auto;
                break;
            case Meaning.OutputConfig:
                ReadOutputConfig(value);
                break;
            case Meaning.OutputFormat:
                ReadFormat(value);
                break;
            case Meaning.Thinking:
                request.WantsThinking = !Fields.IsHarmlessThinking(value.Of(scan.Body));
                break;
        }
    }

    private void ReadStopSequences(ByteRange value)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (bool entered = scan.IsArray(value) && cursor.Enter(); entered && cursor.NextElement(ref first);)
        {
            if (!cursor.ReadValue(out ByteRange one))
            {
                continue;
            }

            if (scan.IsString(one))
            {
                request.StopSequences.Add(scan.Inner(one));
            }
            else
            {
                scan.Refuse("stop_sequences", "must hold strings only");
            }
        }
    }

    private void ReadMetadata(ByteRange value)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Metadata, ref first, out _);)
        {
            request.UserId = cursor.ReadValue(out ByteRange id) ? scan.Inner(id) : default;
        }
    }

    private void ReadOutputConfig(ByteRange value)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.OutputConfig, ref first, out Meaning meaning);)
        {
            if (!cursor.ReadValue(out ByteRange member) || !scan.Has(member))
            {
                continue;
            }

            if (meaning == Meaning.Effort)
            {
                request.Effort = scan.Inner(member);
            }
            else
            {
                ReadFormat(member);
            }
        }
    }

    private void ReadFormat(ByteRange value)
    {
        ByteRange type = default;
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Format, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange member) && meaning == Meaning.Kind)
            {
                type = member;
            }
            else
            {
                request.OutputSchema = member;
            }
        }

        if (!scan.Is(type, "json_schema"u8))
        {
            request.OutputSchema = default;
            scan.Refuse("output_config.format.type", "only json_schema is known; send a format of that type");
        }
    }

    private void ReadToolChoice(ByteRange value)
    {
        ByteRange type = default;
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.ToolChoice, ref first, out Meaning meaning);)
        {
            if (!cursor.ReadValue(out ByteRange member))
            {
                return;
            }

            if (meaning == Meaning.Kind)
            {
                type = member;
            }
            else if (meaning == Meaning.Name)
            {
                request.ToolChoiceName = scan.Inner(member);
            }
            else if (scan.IsTrue(member))
            {
                request.ParallelTools = false;
            }
        }

        request.ToolChoice = scan.Is(type, "auto"u8) ? ToolChoice.Auto
            : scan.Is(type, "any"u8) ? ToolChoice.Any
            : scan.Is(type, "none"u8) ? ToolChoice.None
            : scan.Is(type, "tool"u8) ? ToolChoice.Named
            : ToolChoice.Unsaid;
        if (request.ToolChoice == ToolChoice.Unsaid)
        {
            scan.Refuse("tool_choice.type", "is not known here; send auto, any, none or tool");
        }
    }

    private void ReadTools(ByteRange value)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        int index = 0;
        scan.Enter();
        for (bool entered = scan.IsArray(value) && cursor.Enter();
            entered && scan.NextObject(ref cursor, ref first, ref index, "tools[]", "must be an object");)
        {
            ReadTool(ref cursor);
        }

        scan.Leave();
    }

    private void ReadTool(ref JsonCursor cursor)
    {
        ByteRange type = default;
        var tool = default(CanonicalTool);
        int mark = scan.Mark();
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Tool, ref first, out Meaning meaning);)
        {
            if (!cursor.ReadValue(out ByteRange member) || !scan.Has(member))
            {
                continue;
            }

            switch (meaning)
            {
                case Meaning.Kind:
                    type = member;
                    break;
                case Meaning.Name:
                    tool = tool with { Name = scan.Inner(member) };
                    break;
                case Meaning.Description:
                    tool = tool with { Description = scan.Inner(member) };
                    break;
                case Meaning.Schema:
                    tool = tool with { Schema = member };
                    break;
                case Meaning.Strict:
                    tool = tool with { Strict = member };
                    break;
            }
        }

        if (type.IsEmpty || scan.Takes(Fields.ToolKind, type, mark, out _))
        {
            request.Tools.Add(tool);
        }
    }

    /// <summary>The system prompt comes before all turns, wherever in the body it stands.</summary>
    private void ReadSystem()
    {
        if (!scan.Has(_system))
        {
            return;
        }

        int block = request.BlockCount;
        scan.InSystem = true;
        ReadContent(_system, inResult: false);
        scan.InSystem = false;
        if (!request.Fits(TurnRole.System, block))
        {
            scan.Refuse("system", "holds text only");
        }

        request.Turns.Insert(0, new CanonicalTurn(TurnRole.System, block, request.BlockCount - block));
    }

    private void ReadMessages(ref JsonCursor cursor)
    {
        bool first = true;
        int index = 0;
        scan.Enter();
        for (_ = cursor.Enter();
            scan.NextObject(ref cursor, ref first, ref index, "messages[]", "must be an object with role and content");)
        {
            ReadMessage(ref cursor);
        }

        scan.Leave();
    }

    private void ReadMessage(ref JsonCursor cursor)
    {
        ByteRange role = default;
        int block = request.BlockCount;
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Message, ref first, out Meaning meaning);)
        {
            if (meaning == Meaning.Content && cursor.Peek() == JsonKind.Array)
            {
                new AnthropicBlockReader(scan, request).ReadBlocks(ref cursor, inResult: false);
            }
            else if (cursor.ReadValue(out ByteRange value) && meaning == Meaning.Role)
            {
                role = value;
            }
            else
            {
                ReadContent(value, inResult: false);
            }
        }

        if (scan.Is(role, "user"u8))
        {
            scan.EndTurn(request, TurnRole.User, block);
        }
        else if (scan.Is(role, "assistant"u8))
        {
            scan.EndTurn(request, TurnRole.Assistant, block);
        }
        else if (scan.Is(role, "system"u8))
        {
            scan.EndTurn(request, TurnRole.System, block);
        }
        else
        {
            scan.Refuse("messages[].role", "is not known here; send user, assistant or system");
        }
    }

    private void ReadContent(ByteRange value, bool inResult) =>
        new AnthropicBlockReader(scan, request).ReadContent(value, inResult);
}

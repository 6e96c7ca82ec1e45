using System.Globalization;
using Forebay.Protocols.Json;
using Fields = Forebay.Protocols.Translation.OpenAiFields;

namespace Forebay.Protocols.Translation;

/// <summary>Reads an OpenAI chat completions request into the canonical form.</summary>
internal sealed class OpenAiRequestReader(RequestScan scan, CanonicalRequest request)
{
    private ByteRange _safetyIdentifier;

    public void Read(int start)
    {
        var cursor = new JsonCursor(scan.Body, start);
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Request, ref first, out Meaning meaning);)
        {
            if (meaning == Meaning.Messages && cursor.Peek() == JsonKind.Array)
            {
                new OpenAiMessageReader(scan, request).Read(ref cursor);
            }
            else if (cursor.ReadValue(out ByteRange value) && scan.Has(value))
            {
                ReadField(meaning, value);
            }
        }

        request.UserId = _safetyIdentifier.IsEmpty ? request.UserId : _safetyIdentifier;
    }

    private void ReadField(Meaning meaning, ByteRange value)
    {
        switch (meaning)
        {
            case Meaning.Temperature:
                request.Temperature = value;
                break;
            case Meaning.TopP:
                request.TopP = value;
                break;
            case Meaning.TopK:
                // Engines take 0 and -1 for no limit.
                bool limits = double.TryParse(value.Of(scan.Body), CultureInfo.InvariantCulture, out double k) && k > 0;
                request.TopK = limits ? value : default;
                break;
            case Meaning.StopSequences:
                ReadStop(value);
                break;
            case Meaning.Tools:
                ReadTools(value);
                break;
            case Meaning.ToolChoice:
                ReadToolChoice(value);
                break;
            case Meaning.ParallelTools:
                request.ParallelTools = scan.IsTrue(value) ? true : scan.IsFalse(value) ? false : null;
                break;
            case Meaning.OutputFormat:
                ReadFormat(value);
                break;
            case Meaning.UserId:
                request.UserId = scan.Inner(value);
                break;
            case Meaning.SafetyIdentifier:
                _safetyIdentifier = scan.Inner(value);
                break;
            case Meaning.ServiceTier:
                ReadTier(value);
                break;
            case Meaning.StreamOptions:
                ReadStreamOptions(value);
                break;
            case Meaning.Effort:
                request.Effort = scan.Inner(value);
                break;
            case Meaning.Verbosity:
                request.Verbosity = scan.Inner(value);
                break;
            case Meaning.CacheKey:
                request.CacheKey = scan.Inner(value);
                break;
        }
    }

    private void ReadStop(ByteRange value)
    {
        if (scan.IsString(value))
        {
            request.StopSequences.Add(scan.Inner(value));
            return;
        }

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
                scan.Refuse("stop", "must hold strings only");
            }
        }
    }

    private void ReadTier(ByteRange value)
    {
        if (scan.Is(value, "auto"u8))
        {
            request.ServiceTier = ServiceTier.Auto;
        }
        else if (scan.Is(value, "default"u8))
        {
            request.ServiceTier = ServiceTier.Standard;
        }
        else
        {
            scan.Drop(Meaning.ServiceTier);
        }
    }

    /// <summary>What it asks for is known already; here it is only gone through for what is not.</summary>
    private void ReadStreamOptions(ByteRange value)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.StreamOptions, ref first, out _);)
        {
            _ = cursor.Skip();
        }
    }

    private void ReadFormat(ByteRange value)
    {
        ByteRange type = default;
        ByteRange schema = default;
        int mark = scan.Mark();
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
                schema = member;
            }
        }

        bool isTaken = scan.Takes(Fields.FormatKind, type, mark, out Meaning kind);
        request.JsonMode = isTaken && kind == Meaning.JsonMode;
        if (!isTaken || kind != Meaning.OutputFormat)
        {
            return;
        }

        cursor = scan.CursorAt(schema);
        first = true;
        for (bool entered = scan.IsObject(schema) && cursor.Enter();
            entered && scan.Next(ref cursor, Fields.JsonSchema, ref first, out Meaning meaning);)
        {
            if (!cursor.ReadValue(out ByteRange member))
            {
                return;
            }

            request.OutputSchema = meaning == Meaning.Schema ? member : request.OutputSchema;
            request.OutputSchemaName = meaning == Meaning.FormatName ? scan.Inner(member) : request.OutputSchemaName;
        }

        if (!scan.IsObject(request.OutputSchema))
        {
            scan.Refuse("response_format.json_schema.schema", "is required; send the JSON Schema to follow");
        }
    }

    private void ReadToolChoice(ByteRange value)
    {
        if (scan.IsString(value))
        {
            request.ToolChoice = scan.Is(value, "auto"u8) ? ToolChoice.Auto
                : scan.Is(value, "required"u8) ? ToolChoice.Any
                : scan.Is(value, "none"u8) ? ToolChoice.None
                : ToolChoice.Unsaid;
            if (request.ToolChoice == ToolChoice.Unsaid)
            {
                scan.Refuse("tool_choice", "is not known here; send auto, required, none or a function");
            }

            return;
        }

        ByteRange type = default;
        ByteRange function = default;
        int mark = scan.Mark();
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.ToolChoice, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange member))
            {
                type = meaning == Meaning.Kind ? member : type;
                function = meaning == Meaning.Function ? member : function;
            }
        }

        if (!scan.Takes(Fields.ToolChoiceKind, type, mark, out _))
        {
            return;
        }

        request.ToolChoice = ToolChoice.Named;
        cursor = scan.CursorAt(function);
        first = true;
        for (bool entered = scan.IsObject(function) && cursor.Enter();
            entered && scan.Next(ref cursor, Fields.NamedFunction, ref first, out _);)
        {
            request.ToolChoiceName = cursor.ReadValue(out ByteRange name) ? scan.Inner(name) : default;
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
        ByteRange function = default;
        int mark = scan.Mark();
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Tool, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange member))
            {
                type = meaning == Meaning.Kind ? member : type;
                function = meaning == Meaning.Function ? member : function;
            }
        }

        if (!scan.Takes(Fields.ToolKind, type, mark, out _))
        {
            return;
        }

        var tool = default(CanonicalTool);
        JsonCursor inner = scan.CursorAt(function);
        first = true;
        for (bool entered = scan.IsObject(function) && inner.Enter();
            entered && scan.Next(ref inner, Fields.Function, ref first, out Meaning meaning);)
        {
            if (inner.ReadValue(out ByteRange member) && scan.Has(member))
            {
                tool = meaning switch
                {
                    Meaning.Name => tool with { Name = scan.Inner(member) },
                    Meaning.Description => tool with { Description = scan.Inner(member) },
                    Meaning.Schema => tool with { Schema = member },
                    _ => tool with { Strict = member },
                };
            }
        }

        if (tool.Name.IsEmpty)
        {
            scan.Refuse("tools[].function.name", "is required and must be a string");
            return;
        }

        request.Tools.Add(tool);
    }
}

using System.Globalization;
using Forebay.Protocols.Json;
using Fields = Forebay.Protocols.Translation.ResponsesFields;

namespace Forebay.Protocols.Translation;

/// <summary>Reads an OpenAI Responses request into the canonical form.</summary>
internal sealed class ResponsesRequestReader(RequestScan scan, CanonicalRequest request)
{
    private ByteRange _instructions;
    private ByteRange _safetyIdentifier;

    public void Read(int start)
    {
        var cursor = new JsonCursor(scan.Body, start);
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Request, ref first, out Meaning meaning);)
        {
            if (meaning == Meaning.Messages && cursor.Peek() == JsonKind.Array)
            {
                new ResponsesItemReader(scan, request).Read(ref cursor);
            }
            else if (cursor.ReadValue(out ByteRange value) && scan.Has(value))
            {
                ReadField(meaning, value);
            }
        }

        request.UserId = _safetyIdentifier.IsEmpty ? request.UserId : _safetyIdentifier;
        ReadInstructions();
    }

    private void ReadField(Meaning meaning, ByteRange value)
    {
        switch (meaning)
        {
            case Meaning.Messages:
                int block = request.BlockCount;
                request.AddText(scan.Inner(value));
                request.EndTurn(TurnRole.User, block);
                break;
            case Meaning.System:
                _instructions = scan.Inner(value);
                break;
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
            case Meaning.Tools:
                new ResponsesToolReader(scan, request).Read(value);
                break;
            case Meaning.ToolChoice:
                new ResponsesToolReader(scan, request).ReadChoice(value);
                break;
            case Meaning.ParallelTools:
                request.ParallelTools = scan.IsTrue(value) ? true : scan.IsFalse(value) ? false : null;
                break;
            case Meaning.OutputConfig:
                ReadText(value);
                break;
            case Meaning.Reasoning:
                ReadReasoning(value);
                break;
            case Meaning.Include:
                ReadInclude(value);
                break;
            case Meaning.UserId:
                request.UserId = scan.Inner(value);
                break;
            case Meaning.SafetyIdentifier:
                _safetyIdentifier = scan.Inner(value);
                break;
            case Meaning.CacheKey:
                request.CacheKey = scan.Inner(value);
                break;
            case Meaning.ServiceTier:
                ReadTier(value);
                break;
            case Meaning.StreamOptions:
                ReadStreamOptions(value);
                break;
        }
    }

    /// <summary>Instructions come before all turns, wherever in the body they stand.</summary>
    private void ReadInstructions()
    {
        if (!_instructions.IsEmpty)
        {
            int block = request.BlockCount;
            request.AddText(_instructions);
            request.Turns.Insert(0, new CanonicalTurn(TurnRole.System, block, 1));
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

    private void ReadStreamOptions(ByteRange value)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (bool entered = scan.IsObject(value) && cursor.Enter();
            entered && scan.Next(ref cursor, Fields.StreamOptions, ref first, out _);)
        {
            _ = cursor.Skip();
        }
    }

    private void ReadReasoning(ByteRange value)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (bool entered = scan.IsObject(value) && cursor.Enter();
            entered && scan.Next(ref cursor, Fields.Reasoning, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange member) && meaning == Meaning.ReasoningEffort)
            {
                request.Effort = scan.Inner(member);
            }
        }
    }

    /// <summary>What is asked to be told besides. Of a provider's own tools there is nothing to tell.</summary>
    private void ReadInclude(ByteRange value)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (bool entered = scan.IsArray(value) && cursor.Enter(); entered && cursor.NextElement(ref first);)
        {
            if (cursor.ReadValue(out ByteRange one) && scan.Is(one, "message.output_text.logprobs"u8))
            {
                scan.Refuse("include", TranslationTable.Toward(scan.Target, Meaning.Logprobs).Note);
            }
        }
    }

    private void ReadText(ByteRange value)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (bool entered = scan.IsObject(value) && cursor.Enter();
            entered && scan.Next(ref cursor, Fields.Text, ref first, out Meaning meaning);)
        {
            if (!cursor.ReadValue(out ByteRange member) || !scan.Has(member))
            {
                continue;
            }

            if (meaning == Meaning.Verbosity)
            {
                request.Verbosity = scan.Inner(member);
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
        ByteRange schema = default;
        ByteRange name = default;
        int mark = scan.Mark();
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (bool entered = scan.IsObject(value) && cursor.Enter();
            entered && scan.Next(ref cursor, Fields.Format, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange member))
            {
                type = meaning == Meaning.Kind ? member : type;
                schema = meaning == Meaning.Schema ? member : schema;
                name = meaning == Meaning.FormatName ? scan.Inner(member) : name;
            }
        }

        bool isTaken = scan.Takes(Fields.FormatKind, type, mark, out Meaning kind);
        request.JsonMode = isTaken && kind == Meaning.JsonMode;
        if (!isTaken || kind != Meaning.OutputFormat)
        {
            return;
        }

        request.OutputSchema = schema;
        request.OutputSchemaName = name;
        if (!scan.IsObject(schema))
        {
            scan.Refuse("text.format.schema", "is required; send the JSON Schema to follow");
        }
    }
}

using Forebay.Protocols.Json;
using Fields = Forebay.Protocols.Translation.OpenAiFields;

namespace Forebay.Protocols.Translation;

/// <summary>Reads the messages of an OpenAI request into turns.</summary>
internal readonly struct OpenAiMessageReader(RequestScan scan, CanonicalRequest request)
{
    public void Read(ref JsonCursor cursor)
    {
        bool first = true;
        int index = 0;
        scan.Enter();
        for (_ = cursor.Enter();
            scan.NextObject(ref cursor, ref first, ref index, "messages[]", "must be an object with a role");)
        {
            ReadMessage(ref cursor);
        }

        scan.Leave();
    }

    private void ReadMessage(ref JsonCursor cursor)
    {
        var members = default(Members);
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Message, ref first, out Meaning meaning);)
        {
            if (!cursor.ReadValue(out ByteRange value))
            {
                return;
            }

            switch (meaning)
            {
                case Meaning.Role:
                    members.Role = value;
                    break;
                case Meaning.Content:
                    members.Content = value;
                    break;
                case Meaning.ToolUse:
                    members.ToolCalls = value;
                    break;
                case Meaning.Id:
                    members.ToolCallId = value;
                    break;
                case Meaning.Refusal:
                    members.Refusal = value;
                    break;
            }
        }

        int block = request.BlockCount;
        if (scan.Is(members.Role, "user"u8))
        {
            ReadContent(members.Content);
            scan.EndTurn(request, TurnRole.User, block);
        }
        else if (scan.Is(members.Role, "assistant"u8))
        {
            ReadContent(members.Content);
            request.AddText(scan.Inner(members.Refusal));
            ReadToolCalls(members.ToolCalls);
            scan.EndTurn(request, TurnRole.Assistant, block);
        }
        else if (scan.Is(members.Role, "tool"u8))
        {
            request.Add(BlockKind.ToolResult).Id = scan.Inner(members.ToolCallId);
            ReadContent(members.Content);
            request[block].Children = request.BlockCount - block - 1;
            scan.EndTurn(request, TurnRole.User, block);
        }
        else if (scan.Is(members.Role, "system"u8) || scan.Is(members.Role, "developer"u8))
        {
            ReadContent(members.Content);
            scan.EndTurn(request, TurnRole.System, block);
        }
        else
        {
            scan.Refuse("messages[].role", "is not known here; send system, developer, user, assistant or tool");
        }
    }

    private void ReadContent(ByteRange value)
    {
        if (scan.IsString(value))
        {
            request.AddText(scan.Inner(value));
            return;
        }

        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        int index = 0;
        scan.Enter();
        for (bool entered = scan.IsArray(value) && cursor.Enter();
            entered
            && scan.NextObject(ref cursor, ref first, ref index, Fields.Part.Path, "must be an object with a type");)
        {
            ReadPart(ref cursor);
        }

        scan.Leave();
    }

    private void ReadPart(ref JsonCursor cursor)
    {
        ByteRange type = default;
        ByteRange text = default;
        ByteRange image = default;
        ByteRange file = default;
        int mark = scan.Mark();
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Part, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange value))
            {
                type = meaning == Meaning.Kind ? value : type;
                text = meaning is Meaning.Text or Meaning.Refusal ? value : text;
                image = meaning == Meaning.Image ? value : image;
                file = meaning == Meaning.Document ? value : file;
            }
        }

        if (!scan.Takes(Fields.PartKind, type, mark, out Meaning kind))
        {
            return;
        }

        switch (kind)
        {
            case Meaning.Image:
                ReadImage(image);
                break;
            case Meaning.Document:
                ReadFile(file);
                break;
            default:
                request.AddText(scan.Inner(text));
                break;
        }
    }

    private void ReadImage(ByteRange value)
    {
        ByteRange url = default;
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (bool entered = scan.IsObject(value) && cursor.Enter();
            entered && scan.Next(ref cursor, Fields.Image, ref first, out _);)
        {
            url = cursor.ReadValue(out ByteRange member) ? scan.Inner(member) : default;
        }

        ref CanonicalBlock block = ref request.Add(BlockKind.Image);
        block.Text = url;
        if (scan.TryDataUrl(url, out ByteRange type, out ByteRange data))
        {
            block.MediaType = type;
            block.Text = data;
        }
    }

    private void ReadFile(ByteRange value)
    {
        ByteRange data = default;
        ByteRange title = default;
        int mark = scan.Mark();
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (bool entered = scan.IsObject(value) && cursor.Enter();
            entered && scan.Next(ref cursor, Fields.File, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange member))
            {
                data = meaning == Meaning.Data ? scan.Inner(member) : data;
                title = meaning == Meaning.Title ? scan.Inner(member) : title;
            }
        }

        bool isPdf = scan.TryDataUrl(data, out ByteRange type, out ByteRange bytes)
            && type.Of(scan.Body).EndsWith("/pdf"u8);
        if (isPdf)
        {
            ref CanonicalBlock block = ref request.Add(BlockKind.Document);
            block.MediaType = type;
            block.Text = bytes;
            block.Name = title;
        }
        else if (scan.Mark() == mark)
        {
            scan.Refuse(
                "messages[].content[].file.file_data",
                "must be a PDF as data:application/pdf;base64,...; send other files as text");
        }
    }

    private void ReadToolCalls(ByteRange value)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        int index = 0;
        scan.Enter();
        for (bool entered = scan.IsArray(value) && cursor.Enter();
            entered && scan.NextObject(ref cursor, ref first, ref index, Fields.ToolCall.Path, "must be an object");)
        {
            ReadToolCall(ref cursor);
        }

        scan.Leave();
    }

    private void ReadToolCall(ref JsonCursor cursor)
    {
        ByteRange type = default;
        ByteRange id = default;
        ByteRange function = default;
        int mark = scan.Mark();
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.ToolCall, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange value))
            {
                type = meaning == Meaning.Kind ? value : type;
                id = meaning == Meaning.Id ? value : id;
                function = meaning == Meaning.Function ? value : function;
            }
        }

        // Some clients leave the type out.
        if (!type.IsEmpty && !scan.Takes(Fields.ToolCallKind, type, mark, out _))
        {
            return;
        }

        ByteRange name = default;
        ByteRange arguments = default;
        JsonCursor inner = scan.CursorAt(function);
        first = true;
        for (bool entered = scan.IsObject(function) && inner.Enter();
            entered && scan.Next(ref inner, Fields.CalledFunction, ref first, out Meaning meaning);)
        {
            if (inner.ReadValue(out ByteRange value))
            {
                name = meaning == Meaning.Name ? value : name;
                arguments = meaning == Meaning.Input ? value : arguments;
            }
        }

        if (scan.Inner(name).IsEmpty)
        {
            scan.Refuse("messages[].tool_calls[].function.name", "is required and must be a string");
            return;
        }

        arguments = scan.Inner(arguments);
        if (!arguments.IsEmpty && !StringContent.IsObject(arguments.Of(scan.Body), scan.Scratch))
        {
            scan.Refuse("messages[].tool_calls[].function.arguments", "must be the text of a JSON object");
        }

        ref CanonicalBlock call = ref request.Add(BlockKind.ToolUse);
        call.Id = scan.Inner(id);
        call.Name = scan.Inner(name);
        call.Input = arguments;
        call.InputIsText = true;
    }

    private struct Members
    {
        public ByteRange Role;
        public ByteRange Content;
        public ByteRange ToolCalls;
        public ByteRange ToolCallId;
        public ByteRange Refusal;
    }
}

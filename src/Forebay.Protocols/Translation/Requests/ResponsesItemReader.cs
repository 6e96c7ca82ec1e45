using Forebay.Protocols.Json;
using Fields = Forebay.Protocols.Translation.ResponsesFields;

namespace Forebay.Protocols.Translation;

/// <summary>Reads the input of a Responses request, a flat list of items, into turns: what the assistant thought, said
/// and called one after the other is one.</summary>
internal ref struct ResponsesItemReader(RequestScan scan, CanonicalRequest request)
{
    private const string Path = "input[]";

    /// <summary>First block of the assistant's turn that is open; negative where none is.</summary>
    private int _assistant = -1;

    public void Read(ref JsonCursor cursor)
    {
        bool first = true;
        int index = 0;
        scan.Enter();
        for (_ = cursor.Enter();
            scan.NextObject(ref cursor, ref first, ref index, Path, "must be an object with a type or a role");)
        {
            ReadItem(ref cursor);
        }

        EndAssistant();
        scan.Leave();
    }

    private void ReadItem(ref JsonCursor cursor)
    {
        var item = default(Members);
        int mark = scan.Mark();
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Item, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange value) && scan.Has(value))
            {
                item.Set(meaning, value);
            }
        }

        Meaning kind = Meaning.Messages;
        if ((!item.Kind.IsEmpty || item.Role.IsEmpty) && !scan.Takes(Fields.ItemKind, item.Kind, mark, out kind))
        {
            return;
        }

        switch (kind)
        {
            case Meaning.ToolUse:
                BeginAssistant();
                ReadCall(item);
                break;
            case Meaning.ThinkingText:
                ReadReasoning(item);
                break;
            case Meaning.ToolResult:
                ReadResult(item);
                break;
            default:
                ReadMessage(item);
                break;
        }
    }

    private void BeginAssistant() => _assistant = _assistant < 0 ? request.BlockCount : _assistant;

    private void EndAssistant()
    {
        if (_assistant >= 0)
        {
            scan.EndTurn(request, TurnRole.Assistant, _assistant, "input[].content");
            _assistant = -1;
        }
    }

    private void ReadMessage(in Members item)
    {
        if (scan.Is(item.Role, "assistant"u8))
        {
            BeginAssistant();
            ReadContent(item.Content);
            return;
        }

        EndAssistant();
        bool isUser = scan.Is(item.Role, "user"u8);
        if (!isUser && !scan.Is(item.Role, "system"u8) && !scan.Is(item.Role, "developer"u8))
        {
            scan.Refuse("input[].role", "is not known here; send system, developer, user or assistant");
            return;
        }

        int block = request.BlockCount;
        ReadContent(item.Content);
        scan.EndTurn(request, isUser ? TurnRole.User : TurnRole.System, block, "input[].content");
    }

    private void ReadResult(in Members item)
    {
        EndAssistant();
        int block = request.BlockCount;
        request.Add(BlockKind.ToolResult).Id = scan.Inner(item.CallId);
        ReadContent(item.Output);
        request[block].Children = request.BlockCount - block - 1;
        scan.EndTurn(request, TurnRole.User, block, "input[].output");
    }

    private readonly void ReadCall(in Members item)
    {
        ByteRange name = scan.Inner(item.Name);
        if (name.IsEmpty)
        {
            scan.Refuse("input[].name", "is required and must be a string");
            return;
        }

        ByteRange arguments = scan.Inner(item.Arguments);
        if (!arguments.IsEmpty && !StringContent.IsObject(arguments.Of(scan.Body), scan.Scratch))
        {
            scan.Refuse("input[].arguments", "must be the text of a JSON object");
        }

        ByteRange nameSpace = scan.Inner(item.Namespace);
        ref CanonicalBlock call = ref request.Add(BlockKind.ToolUse);
        call.Id = scan.Inner(item.CallId);
        call.Name = nameSpace.IsEmpty ? name : scan.Append(nameSpace, ResponsesToolReader.Separator, name);
        call.Input = arguments;
        call.InputIsText = true;
    }

    /// <summary>Reasoning that is sealed goes only to who sealed it; what was said of it goes along.</summary>
    private void ReadReasoning(in Members item)
    {
        ByteRange seal = scan.Inner(item.Seal);
        bool isMarked = Seals.TryRead(scan.Body, ref seal, out SealKind kind);
        bool isSigned = isMarked && kind != SealKind.Responses;
        if (kind == SealKind.AnthropicSealed && isMarked && scan.Target == WireDialect.Converse)
        {
            scan.Drop(Meaning.SealedThinking);
            return;
        }

        if (!seal.IsEmpty && !(isSigned && scan.Target != WireDialect.OpenAi))
        {
            scan.Drop(Meaning.EncryptedReasoning);
            return;
        }

        if (!isSigned && scan.Target != WireDialect.OpenAi)
        {
            // Who checks signatures takes none that are missing.
            if (HasText(item.Summary) || HasText(item.Content))
            {
                scan.Drop(Meaning.EncryptedReasoning);
            }

            return;
        }

        BeginAssistant();
        int first = request.BlockCount;
        ReadContent(HasText(item.Content) ? item.Content : item.Summary);
        for (int i = first; i < request.BlockCount; i++)
        {
            request[i].Kind = BlockKind.Thinking;
        }

        if (isSigned)
        {
            Sign(first, seal, kind);
        }
    }

    /// <summary>The signature belongs to the text as a whole; where there is none, the reasoning is empty.</summary>
    private readonly void Sign(int first, ByteRange seal, SealKind kind)
    {
        if (request.BlockCount == first)
        {
            request.Add(BlockKind.Thinking);
        }

        ref CanonicalBlock last = ref request[request.BlockCount - 1];
        last.Signature = seal;
        last.Seal = kind;
    }

    private readonly bool HasText(ByteRange value) => scan.IsArray(value) && value.Length > "[]".Length;

    private readonly void ReadContent(ByteRange value)
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

    private readonly void ReadPart(ref JsonCursor cursor)
    {
        ByteRange type = default;
        ByteRange text = default;
        ByteRange image = default;
        ByteRange data = default;
        ByteRange url = default;
        ByteRange title = default;
        int mark = scan.Mark();
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Part, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange value))
            {
                type = meaning == Meaning.Kind ? value : type;
                text = meaning is Meaning.Text or Meaning.Refusal ? scan.Inner(value) : text;
                image = meaning == Meaning.Url ? scan.Inner(value) : image;
                data = meaning == Meaning.Data ? scan.Inner(value) : data;
                url = meaning == Meaning.DocumentUrl ? scan.Inner(value) : url;
                title = meaning == Meaning.Title ? scan.Inner(value) : title;
            }
        }

        int before = scan.Mark();
        if (!scan.Takes(Fields.PartKind, type, mark, out Meaning kind))
        {
            return;
        }

        switch (kind)
        {
            case Meaning.Image when !image.IsEmpty || before == mark:
                ReadImage(image);
                break;
            case Meaning.Document when before == mark:
                ReadFile(data, url, title);
                break;
            case Meaning.Text or Meaning.Refusal:
                request.AddText(text);
                break;
        }
    }

    private readonly void ReadImage(ByteRange url)
    {
        if (url.IsEmpty)
        {
            scan.Refuse("input[].content[].image_url", "is required and must be a string");
            return;
        }

        ref CanonicalBlock block = ref request.Add(BlockKind.Image);
        block.Text = url;
        if (scan.TryDataUrl(url, out ByteRange type, out ByteRange data))
        {
            block.MediaType = type;
            block.Text = data;
        }
    }

    private readonly void ReadFile(ByteRange data, ByteRange url, ByteRange title)
    {
        ByteRange bytes = default;
        bool isPdf = scan.TryDataUrl(data, out ByteRange type, out bytes)
            && type.Of(scan.Body).EndsWith("/pdf"u8);
        if (!isPdf && (url.IsEmpty || !data.IsEmpty))
        {
            scan.Refuse(
                "input[].content[].file_data",
                "must be a PDF as data:application/pdf;base64,...; send other files as text");
            return;
        }

        ref CanonicalBlock block = ref request.Add(BlockKind.Document);
        block.MediaType = type;
        block.Text = isPdf ? bytes : url;
        block.Name = title;
    }

    private struct Members
    {
        public ByteRange Kind;
        public ByteRange Role;
        public ByteRange Content;
        public ByteRange CallId;
        public ByteRange Name;
        public ByteRange Namespace;
        public ByteRange Arguments;
        public ByteRange Output;
        public ByteRange Summary;
        public ByteRange Seal;

        public void Set(Meaning meaning, ByteRange value)
        {
            switch (meaning)
            {
                case Meaning.Kind:
                    Kind = value;
                    break;
                case Meaning.Role:
                    Role = value;
                    break;
                case Meaning.Content:
                    Content = value;
                    break;
                case Meaning.Id:
                    CallId = value;
                    break;
                case Meaning.Name:
                    Name = value;
                    break;
                case Meaning.Namespace:
                    Namespace = value;
                    break;
                case Meaning.Input:
                    Arguments = value;
                    break;
                case Meaning.ToolResult:
                    Output = value;
                    break;
                case Meaning.ThinkingText:
                    Summary = value;
                    break;
                case Meaning.Signature:
                    Seal = value;
                    break;
            }
        }
    }
}

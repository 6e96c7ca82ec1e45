using Forebay.Protocols.Json;
using Fields = Forebay.Protocols.Translation.AnthropicFields;

namespace Forebay.Protocols.Translation;

/// <summary>Reads Anthropic content blocks into the canonical form.</summary>
internal readonly struct AnthropicBlockReader(RequestScan scan, CanonicalRequest request)
{
    private static readonly FieldRow TextCitations = Fields.TextBlock.Rows[0];
    private static readonly FieldRow DocumentCitations = Fields.DocumentBlock.Rows[0];
    private static readonly FieldRow Signature = Fields.ThinkingBlock.Rows[0];
    private static readonly FieldRow DocumentUrl = Fields.DocumentSource.Rows[0];

    /// <summary>Reads content that is a string or an array of blocks.</summary>
    public void ReadContent(ByteRange value, bool inResult)
    {
        if (scan.IsString(value))
        {
            request.AddText(scan.Inner(value));
        }
        else if (scan.IsArray(value))
        {
            JsonCursor cursor = scan.CursorAt(value);
            ReadBlocks(ref cursor, inResult);
        }
        else if (scan.Has(value))
        {
            scan.Refuse(scan.InSystem ? "system" : "messages[].content", "must be a string or an array of blocks");
        }
    }

    public void ReadBlocks(ref JsonCursor cursor, bool inResult)
    {
        bool first = true;
        int index = 0;
        scan.Enter();
        for (_ = cursor.Enter();
            scan.NextObject(ref cursor, ref first, ref index, Fields.Block.Path, "must be an object with a type");)
        {
            ReadBlock(ref cursor, inResult);
        }

        scan.Leave();
    }

    private void ReadBlock(ref JsonCursor cursor, bool inResult)
    {
        var members = default(Members);
        int mark = scan.Mark();
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Block, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange value))
            {
                members.Set(meaning, value);
            }
        }

        if (!scan.Takes(Fields.BlockKind, members.Kind, mark, out Meaning kind))
        {
            return;
        }

        switch (kind)
        {
            case Meaning.Text:
                scan.Judge(Fields.Block, TextCitations, members.Citations);
                request.AddText(scan.Inner(members.Text));
                break;
            case Meaning.Image:
                ReadSource(members, BlockKind.Image);
                break;
            case Meaning.Document:
                scan.Judge(Fields.Block, DocumentCitations, members.Citations);
                ReadSource(members, BlockKind.Document);
                break;
            case Meaning.ToolUse:
                ref CanonicalBlock call = ref request.Add(BlockKind.ToolUse);
                call.Id = scan.Inner(members.Id);
                call.Name = scan.Inner(members.Name);
                call.Input = scan.IsObject(members.Input) ? members.Input : default;
                break;
            case Meaning.ToolResult when !inResult:
                ReadResult(members);
                break;
            case Meaning.ThinkingText:
                ReadThinking(members);
                break;
            default:
                scan.Refuse(Fields.Block.Path, "a result cannot hold a result; send its content");
                break;
        }
    }

    private void ReadResult(in Members members)
    {
        int at = request.BlockCount;
        ref CanonicalBlock result = ref request.Add(BlockKind.ToolResult);
        result.Id = scan.Inner(members.ToolUseId);
        result.IsError = scan.IsTrue(members.IsError);
        ReadContent(members.Content, inResult: true);
        request[at].Children = request.BlockCount - at - 1;
    }

    /// <summary>Reasoning that is signed goes only to who can check the signature.</summary>
    private void ReadThinking(in Members members)
    {
        ByteRange signature = scan.Inner(members.Signature);
        bool isCarried = TranslationTable.Toward(scan.Target, Meaning.SignedThinking).Fate == FieldFate.Carried;
        scan.Judge(Fields.Block, Signature, members.Signature);
        ByteRange text = scan.Inner(members.Thinking);
        if ((signature.IsEmpty && !text.IsEmpty) || isCarried)
        {
            ref CanonicalBlock thinking = ref request.Add(BlockKind.Thinking);
            thinking.Text = text;
            thinking.Signature = signature;
        }
    }

    private void ReadSource(in Members block, BlockKind kind)
    {
        var source = default(Members);
        int mark = scan.Mark();
        if (scan.IsObject(block.Source))
        {
            JsonCursor cursor = scan.CursorAt(block.Source);
            bool first = true;
            for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Source, ref first, out Meaning meaning);)
            {
                if (cursor.ReadValue(out ByteRange value))
                {
                    source.Set(meaning, value);
                }
            }
        }

        if (!scan.Takes(Fields.SourceKind, source.Kind, mark, out Meaning type))
        {
            return;
        }

        if (kind == BlockKind.Document && type == Meaning.Url)
        {
            scan.Judge(Fields.Source, DocumentUrl, source.Url);
            return;
        }

        if (kind == BlockKind.Document)
        {
            request.AddText(type == Meaning.Data ? default : scan.Inner(block.Title));
            request.AddText(scan.Inner(block.Context));
        }

        if (type == Meaning.Content)
        {
            ReadContent(source.Content, inResult: true);
        }
        else if (type == Meaning.Text)
        {
            request.AddText(scan.Inner(source.Data));
        }
        else
        {
            ref CanonicalBlock file = ref request.Add(kind);
            file.MediaType = scan.Inner(source.MediaType);
            file.Text = scan.Inner(type == Meaning.Url ? source.Url : source.Data);
            file.Name = scan.Inner(block.Title);
        }
    }

    /// <summary>The members of a block or source, as values.</summary>
    private struct Members
    {
        public ByteRange Kind;
        public ByteRange Text;
        public ByteRange Source;
        public ByteRange Title;
        public ByteRange Context;
        public ByteRange Thinking;
        public ByteRange Signature;
        public ByteRange Id;
        public ByteRange Name;
        public ByteRange Input;
        public ByteRange ToolUseId;
        public ByteRange Content;
        public ByteRange IsError;
        public ByteRange Citations;
        public ByteRange MediaType;
        public ByteRange Data;
        public ByteRange Url;

        public void Set(Meaning meaning, ByteRange value)
        {
            switch (meaning)
            {
                case Meaning.Kind:
                    Kind = value;
                    break;
                case Meaning.Text:
                    Text = value;
                    break;
                case Meaning.Source:
                    Source = value;
                    break;
                case Meaning.Title:
                    Title = value;
                    break;
                case Meaning.DocumentContext:
                    Context = value;
                    break;
                case Meaning.ThinkingText:
                    Thinking = value;
                    break;
                case Meaning.Signature:
                    Signature = value;
                    break;
                case Meaning.Id:
                    Id = value;
                    break;
                case Meaning.Name:
                    Name = value;
                    break;
                case Meaning.Input:
                    Input = value;
                    break;
                case Meaning.ToolResult:
                    ToolUseId = value;
                    break;
                case Meaning.Content:
                    Content = value;
                    break;
                case Meaning.IsError:
                    IsError = value;
                    break;
                case Meaning.Citations:
                    Citations = value;
                    break;
                case Meaning.MediaType:
                    MediaType = value;
                    break;
                case Meaning.Data:
                    Data = value;
                    break;
                case Meaning.Url:
                    Url = value;
                    break;
            }
        }
    }
}

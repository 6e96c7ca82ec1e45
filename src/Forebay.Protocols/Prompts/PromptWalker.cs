using Forebay.Protocols.Json;

namespace Forebay.Protocols.Prompts;

/// <summary>
/// Walks the parts of a request that make up its prompt and hands their text to a sink, checking as it goes that they
/// are JSON and have the shape both dialects share. One walk serves the token estimate and the prompt hashes, so the
/// two agree on what is text. Block types it does not know count by their strings.
/// </summary>
internal ref struct PromptWalker<TSink>(ReadOnlySpan<byte> json, int start)
    where TSink : struct, IPromptSink, allows ref struct
{
    /// <summary>Where the walk is. Must stand before a value when a part is walked.</summary>
    public JsonCursor Cursor = new(json, start);

    public TSink Sink;

    /// <summary>Whether the request is one of the Responses dialect, whose prompt consists of items.</summary>
    public bool InItems;

    /// <summary>What the parts walked so far ask for.</summary>
    public RequestFeatures Features;

    /// <summary>The last signature of reasoning, quotes included.</summary>
    public ByteRange Signature;

    /// <summary>The last name of something that one account holds, quotes included.</summary>
    public ByteRange StateId;

    /// <summary>The last item that stands for one that an account stores: its name, quotes included.</summary>
    public ByteRange StoredItem;

    /// <summary>Elements of the array walked last; the index of the one at fault, where there is a fault.</summary>
    public int Elements;

    /// <summary>The first part that has the wrong shape.</summary>
    public PromptFault Fault;

    /// <summary>What was found there.</summary>
    public JsonKind Found;

    private readonly ReadOnlySpan<byte> _json = json;

    private readonly bool Stopped => Cursor.Failed || Fault != PromptFault.None;

    /// <summary>Goes to a part that was found well-formed before.</summary>
    public void MoveTo(int start) => Cursor = new JsonCursor(_json, start);

    /// <summary>Walks an array of tool definitions.</summary>
    public bool Tools()
    {
        bool first = true;
        Elements = 0;
        for (_ = Cursor.Enter(); Cursor.NextElement(ref first); Elements++)
        {
            Features |= RequestFeatures.Tools;
            Content();
        }

        return !Stopped;
    }

    /// <summary>Walks a system prompt: a string or an array of blocks.</summary>
    public bool System()
    {
        Content();
        return !Stopped;
    }

    /// <summary>Walks an array of messages.</summary>
    public bool Messages()
    {
        bool first = true;
        Elements = 0;
        for (_ = Cursor.Enter(); Cursor.NextElement(ref first); Elements++)
        {
            JsonKind kind = Cursor.Peek();
            if (kind != JsonKind.Object)
            {
                return kind == JsonKind.None ? Cursor.Skip() : Wrong(PromptFault.MessageNotObject, kind);
            }

            if (!Message())
            {
                return false;
            }
        }

        return !Stopped;
    }

    /// <summary>Walks the input of a Responses request: a text that the user wrote, or an array of items.</summary>
    public bool Input()
    {
        if (Cursor.Peek() != JsonKind.String)
        {
            return Messages();
        }

        Elements = 1;
        Sink.Message("user"u8);
        Content();
        return !Stopped;
    }

    private bool Message()
    {
        if (TSink.NeedsRoleFirst)
        {
            Sink.Message(FindRole());
        }

        Span<byte> scratch = stackalloc byte[PromptNames.LongestName];
        var block = default(Block);
        bool first = true;
        for (_ = Cursor.Enter(); Cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> keyword = name.Keyword(_json, scratch);
            if (keyword.SequenceEqual("role"u8))
            {
                JsonKind kind = Cursor.Peek();
                if (kind is not (JsonKind.String or JsonKind.None))
                {
                    return Wrong(PromptFault.RoleNotString, kind);
                }

                _ = Cursor.Skip();
            }
            else if (InItems && keyword.SequenceEqual("type"u8) && Cursor.Peek() == JsonKind.String)
            {
                ReadType(ref block, inSource: false);
            }
            else if (keyword.SequenceEqual("content"u8)
                     && Cursor.Peek() is var kind and (JsonKind.Object or JsonKind.Number or JsonKind.True
                         or JsonKind.False))
            {
                return Wrong(PromptFault.ContentNotText, kind);
            }
            else
            {
                block.HasContent |= keyword.SequenceEqual("content"u8) && Cursor.Peek() == JsonKind.Array;
                Member(ClassOf(keyword, inSource: false), ref block);
            }
        }

        if (InItems && !Stopped)
        {
            Finish(block);
        }

        return !Stopped;
    }

    private readonly PromptMember ClassOf(scoped ReadOnlySpan<byte> name, bool inSource) => InItems
        ? PromptNames.ClassifyItem(name)
        : PromptNames.Classify(name, inSource);

    /// <summary>Looks ahead for the role of the message that stands next; most clients write it first. An item without
    /// one goes by its type.</summary>
    private readonly ReadOnlySpan<byte> FindRole()
    {
        Span<byte> scratch = stackalloc byte[PromptNames.LongestName];
        ReadOnlySpan<byte> type = [];
        JsonCursor ahead = Cursor;
        bool first = true;
        for (_ = ahead.Enter(); ahead.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> keyword = name.Keyword(_json, scratch);
            if (keyword.SequenceEqual("role"u8))
            {
                return ahead.Peek() == JsonKind.String && ahead.ReadString(out JsonString role) ? role.Raw(_json) : [];
            }

            bool isType = InItems && keyword.SequenceEqual("type"u8) && ahead.Peek() == JsonKind.String;
            if (isType && ahead.ReadString(out JsonString word))
            {
                type = word.Raw(_json);
            }
            else
            {
                _ = ahead.Skip();
            }
        }

        return type;
    }

    /// <summary>A value that holds text, a block, or a list of them.</summary>
    private void Content()
    {
        switch (Cursor.Peek())
        {
            case JsonKind.String:
                if (Cursor.ReadString(out JsonString text))
                {
                    Sink.Text(text.Raw(_json), text.TextLength);
                }

                break;
            case JsonKind.Array:
                bool first = true;
                for (_ = Cursor.Enter(); Cursor.NextElement(ref first);)
                {
                    Content();
                }

                break;
            case JsonKind.Object:
                var block = default(Block);
                Members(ref block, inSource: false);
                Finish(block);
                break;
            default:
                _ = Cursor.Skip();
                break;
        }
    }

    private void Members(ref Block block, bool inSource)
    {
        Span<byte> scratch = stackalloc byte[PromptNames.LongestName];
        bool first = true;
        for (_ = Cursor.Enter(); Cursor.NextMember(ref first, out JsonString name);)
        {
            PromptMember member = ClassOf(name.Keyword(_json, scratch), inSource);
            if (member == PromptMember.Type && Cursor.Peek() == JsonKind.String)
            {
                ReadType(ref block, inSource);
            }
            else
            {
                Member(member, ref block);
            }
        }
    }

    private void ReadType(ref Block block, bool inSource)
    {
        if (!Cursor.ReadString(out JsonString type))
        {
            return;
        }

        Span<byte> scratch = stackalloc byte[PromptNames.LongestName];
        BlockKind kind = BlockKinds.Of(type.Keyword(_json, scratch));
        if (inSource)
        {
            block.SourceIsText = kind == BlockKind.Text;
        }
        else
        {
            block.Kind = kind;
        }
    }

    private void Member(PromptMember member, ref Block block)
    {
        JsonKind kind = Cursor.Peek();
        switch (member)
        {
            case PromptMember.Source when kind == JsonKind.Object:
                Members(ref block, inSource: true);
                break;
            case PromptMember.Payload when kind == JsonKind.String:
                _ = Cursor.ReadString(out block.Payload);
                break;
            case PromptMember.UploadId when kind == JsonKind.String:
                Features |= RequestFeatures.ServerState;
                _ = Cursor.ReadString(out block.Payload);
                StateId = block.Payload.Token;
                break;
            case PromptMember.Signature or PromptMember.Encrypted when kind == JsonKind.String:
                Sign(member);
                block.IsSealed = true;
                break;
            case PromptMember.ItemId when kind == JsonKind.String:
                _ = Cursor.ReadString(out block.Id);
                break;
            case PromptMember.CacheControl:
                Features |= kind == JsonKind.Null ? RequestFeatures.None : RequestFeatures.CacheControl;
                _ = Cursor.Skip();
                break;
            case PromptMember.Verbatim:
                Verbatim();
                break;
            case PromptMember.Content or PromptMember.Source or PromptMember.Payload:
                Content();
                break;
            default:
                _ = Cursor.Skip();
                break;
        }
    }

    private void Sign(PromptMember member)
    {
        if (!Cursor.ReadString(out JsonString signature))
        {
            return;
        }

        if (signature.Length == 0)
        {
            Features |= member == PromptMember.Signature && !InItems
                ? RequestFeatures.UnsignedHistory
                : RequestFeatures.None;
            return;
        }

        Features |= RequestFeatures.SignedHistory;
        Signature = member == PromptMember.Signature ? signature.Token : Signature;
    }

    /// <summary>A block has ended, so its kind is known wherever the client put it: hand over its payload.</summary>
    private void Finish(in Block block)
    {
        ReadOnlySpan<byte> payload = block.Payload.Raw(_json);
        switch (block.Kind)
        {
            case BlockKind.Image:
                Features |= RequestFeatures.Images;
                Sink.Image(payload);
                break;
            case BlockKind.Document when !block.SourceIsText:
                Features |= RequestFeatures.Documents;
                Sink.Document(payload);
                break;
            case BlockKind.Audio:
                Features |= RequestFeatures.Audio;
                Sink.Audio(payload);
                break;
            case BlockKind.Upload:
                Features |= RequestFeatures.ServerState;
                break;
            case BlockKind.Sealed:
                Features |= RequestFeatures.SignedHistory;
                break;
            case BlockKind.Reference when block.Id.Length > 0:
            case BlockKind.Reasoning when InItems && block.Id.Length > 0 && !block.IsSealed && !block.HasContent:
                Features |= RequestFeatures.ServerState;
                StoredItem = block.Id.Token;
                break;
            default:
                Features |= block.Kind == BlockKind.Document ? RequestFeatures.Documents : RequestFeatures.None;
                if (!payload.IsEmpty)
                {
                    Sink.Text(payload, block.Payload.TextLength);
                }

                break;
        }
    }

    /// <summary>A value in which names count as well as values.</summary>
    private void Verbatim()
    {
        bool first = true;
        switch (Cursor.Peek())
        {
            case JsonKind.String:
                Content();
                break;
            case JsonKind.Object:
                for (_ = Cursor.Enter(); Cursor.NextMember(ref first, out JsonString name);)
                {
                    Sink.Name(name.Raw(_json), name.TextLength);
                    Verbatim();
                }

                break;
            case JsonKind.Array:
                for (_ = Cursor.Enter(); Cursor.NextElement(ref first);)
                {
                    Verbatim();
                }

                break;
            default:
                if (Cursor.ReadValue(out ByteRange literal))
                {
                    Sink.Literal(literal.Of(_json));
                }

                break;
        }
    }

    private bool Wrong(PromptFault fault, JsonKind found)
    {
        Fault = fault;
        Found = found;
        return false;
    }

    private struct Block
    {
        public BlockKind Kind;
        public bool SourceIsText;
        public bool IsSealed;
        public bool HasContent;
        public JsonString Payload;
        public JsonString Id;
    }
}

/// <summary>Which part of a prompt has the wrong shape.</summary>
internal enum PromptFault : byte
{
    None,
    MessageNotObject,
    RoleNotString,
    ContentNotText,
}

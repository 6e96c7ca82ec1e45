namespace Forebay.Protocols.Translation;

/// <summary>Who speaks in a turn.</summary>
internal enum TurnRole : byte
{
    /// <summary>Instructions, wherever they stand.</summary>
    System,

    /// <summary>The user, with the results of tools.</summary>
    User,

    Assistant,
}

/// <summary>What a block of content is.</summary>
internal enum BlockKind : byte
{
    Text,

    /// <summary>An image by its bytes in base64, or by its address.</summary>
    Image,

    /// <summary>A PDF by its bytes in base64, or by its address where the target takes one. Plain text documents are
    /// texts.</summary>
    Document,

    ToolUse,

    /// <summary>The result of a tool; its content are the blocks that follow it.</summary>
    ToolResult,

    /// <summary>Reasoning, signed or not.</summary>
    Thinking,
}

/// <summary>One block of content. Strings are ranges of the source between the quotes, escapes and all.</summary>
internal struct CanonicalBlock
{
    public BlockKind Kind;

    /// <summary>The tool failed.</summary>
    public bool IsError;

    /// <summary><see cref="Input"/> is the content of a JSON string that holds the object; else the object
    /// itself.</summary>
    public bool InputIsText;

    /// <summary>How many blocks after a tool's result are its content.</summary>
    public int Children;

    /// <summary>Text, reasoning, base64 or an address.</summary>
    public ByteRange Text;

    /// <summary>Media type of base64; empty where <see cref="Text"/> is an address.</summary>
    public ByteRange MediaType;

    /// <summary>Id of a tool's call.</summary>
    public ByteRange Id;

    /// <summary>Name of a tool, title of a document.</summary>
    public ByteRange Name;

    /// <summary>Arguments of a tool's call, a JSON object; empty for none.</summary>
    public ByteRange Input;

    /// <summary>Signature of reasoning, or the sealed reasoning itself.</summary>
    public ByteRange Signature;

    /// <summary>Whose signature it is.</summary>
    public SealKind Seal;
}

/// <summary>One turn of the conversation.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="First">Its first block.</param>
/// <param name="Count">How many blocks, those within results included.</param>
internal readonly record struct CanonicalTurn(TurnRole Role, int First, int Count);

/// <summary>A tool that the caller runs.</summary>
/// <param name="Name">Its name, between the quotes.</param>
/// <param name="Description">What it does, between the quotes; empty for none.</param>
/// <param name="Schema">JSON Schema of its input as it stands; empty for none.</param>
/// <param name="Strict">The literal that says whether input must follow the schema; empty where not said.</param>
internal readonly record struct CanonicalTool(
    ByteRange Name, ByteRange Description, ByteRange Schema, ByteRange Strict);

/// <summary>Which tool must be called.</summary>
internal enum ToolChoice : byte
{
    Unsaid,
    Auto,
    Any,
    None,
    Named,
}

/// <summary>How quickly to serve, as far as both sides know a word for it.</summary>
internal enum ServiceTier : byte
{
    Unsaid,

    /// <summary>Better than standard where it is to be had.</summary>
    Auto,

    Standard,
}

/// <summary>
/// A request in no dialect. All text and JSON in it are ranges of the body that it was read from: the escapes of JSON
/// are the same in every dialect, so nothing is decoded on the way. A default range means that nothing was said.
/// </summary>
internal sealed class CanonicalRequest
{
    private CanonicalBlock[] _blocks = new CanonicalBlock[16];
    private bool _lastIsResultsOnly;

    public List<CanonicalTurn> Turns { get; } = new(8);

    public List<CanonicalTool> Tools { get; } = [];

    public List<ByteRange> StopSequences { get; } = [];

    public int BlockCount { get; private set; }

    public ByteRange Model { get; set; }

    public long? MaxTokens { get; set; }

    public bool Stream { get; set; }

    /// <summary>A number.</summary>
    public ByteRange Temperature { get; set; }

    /// <summary>A number.</summary>
    public ByteRange TopP { get; set; }

    /// <summary>A number.</summary>
    public ByteRange TopK { get; set; }

    public ToolChoice ToolChoice { get; set; }

    /// <summary>The tool that must be called.</summary>
    public ByteRange ToolChoiceName { get; set; }

    /// <summary>Whether several tools may be called at once; null where not said.</summary>
    public bool? ParallelTools { get; set; }

    /// <summary>JSON Schema that the answer must follow, as it stands.</summary>
    public ByteRange OutputSchema { get; set; }

    /// <summary>The name of that schema, between the quotes.</summary>
    public ByteRange OutputSchemaName { get; set; }

    /// <summary>Any JSON is to be answered, without a schema.</summary>
    public bool JsonMode { get; set; }

    /// <summary>How much to reason, as OpenAI says it, between the quotes.</summary>
    public ByteRange Effort { get; set; }

    /// <summary>Reasoning is asked for, and to be told.</summary>
    public bool WantsThinking { get; set; }

    /// <summary>How much to say, between the quotes.</summary>
    public ByteRange Verbosity { get; set; }

    /// <summary>What requests that share a prompt call it, between the quotes.</summary>
    public ByteRange CacheKey { get; set; }

    public ByteRange UserId { get; set; }

    public ServiceTier ServiceTier { get; set; }

    public ref CanonicalBlock this[int index] => ref _blocks[index];

    /// <summary>Adds an empty block; the reference holds until the next is added.</summary>
    public ref CanonicalBlock Add(BlockKind kind)
    {
        if (BlockCount == _blocks.Length)
        {
            Array.Resize(ref _blocks, 2 * BlockCount);
        }

        ref CanonicalBlock block = ref _blocks[BlockCount++];
        block = new CanonicalBlock { Kind = kind };
        return ref block;
    }

    public void AddText(ByteRange text)
    {
        if (!text.IsEmpty)
        {
            Add(BlockKind.Text).Text = text;
        }
    }

    /// <summary>Ends a turn of the blocks added since. Words of the user that follow results are part of their turn,
    /// and so are more results.</summary>
    public void EndTurn(TurnRole role, int first)
    {
        int count = BlockCount - first;
        bool isResultsOnly = role == TurnRole.User && IsResultsOnly(first);
        if (role == TurnRole.User
            && _lastIsResultsOnly
            && Turns[^1] is var last
            && last.First + last.Count == first)
        {
            Turns[^1] = last with { Count = last.Count + count };
            _lastIsResultsOnly = isResultsOnly || count == 0;
        }
        else
        {
            Turns.Add(new CanonicalTurn(role, first, count));
            _lastIsResultsOnly = isResultsOnly;
        }
    }

    /// <summary>Whether the blocks added since are those that a role can say: no dialect takes calls from users,
    /// results from the assistant or pictures as instructions.</summary>
    public bool Fits(TurnRole role, int first)
    {
        for (int at = first; at < BlockCount; at += 1 + _blocks[at].Children)
        {
            BlockKind kind = _blocks[at].Kind;
            bool fits = kind == BlockKind.Text || role switch
            {
                TurnRole.User => kind is BlockKind.Image or BlockKind.Document or BlockKind.ToolResult,
                TurnRole.Assistant => kind is BlockKind.ToolUse or BlockKind.Thinking,
                _ => false,
            };
            if (!fits)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether there are blocks added since, and all are results. Looks at those alone, so that a million
    /// results in a million messages cost a million steps.</summary>
    private bool IsResultsOnly(int first)
    {
        for (int at = first; at < BlockCount; at += 1 + _blocks[at].Children)
        {
            if (_blocks[at].Kind != BlockKind.ToolResult)
            {
                return false;
            }
        }

        return BlockCount > first;
    }
}

namespace Forebay.Protocols.Prompts;

/// <summary>What a member of a block, message or tool definition means to a prompt.</summary>
internal enum PromptMember : byte
{
    /// <summary>Content: strings are text, containers hold more blocks.</summary>
    Content,
    Type,

    /// <summary>An identifier or setting that the model does not read.</summary>
    Aside,
    CacheControl,

    /// <summary>A value whose member names count as text: a schema, a tool's input.</summary>
    Verbatim,

    /// <summary>The object that says where an image's, document's or recording's bytes are.</summary>
    Source,

    /// <summary>The bytes themselves, or the address of them.</summary>
    Payload,

    /// <summary>Something uploaded to one account.</summary>
    UploadId,

    /// <summary>Proof or ciphertext of reasoning, tied to the account that made it.</summary>
    Signature,

    /// <summary>Ciphertext of a server tool's result, tied to the provider that made it.</summary>
    Encrypted,

    /// <summary>Name of an item, by which an account may hold it.</summary>
    ItemId,
}

internal static class PromptNames
{
    /// <summary>Room for the longest name or type looked for.</summary>
    public const int LongestName = 20;

    /// <summary>What a member of an item of the Responses dialect, or of one of its tools, means.</summary>
    public static PromptMember ClassifyItem(scoped ReadOnlySpan<byte> name)
    {
        switch (name.Length)
        {
            case 2 when name.SequenceEqual("id"u8):
                return PromptMember.ItemId;
            case 4 when name.SequenceEqual("type"u8):
                return PromptMember.Type;
            case 4 when name.SequenceEqual("role"u8):
            case 5 when name.SequenceEqual("phase"u8):
            case 6 when name.SequenceEqual("status"u8) || name.SequenceEqual("caller"u8)
                || name.SequenceEqual("detail"u8) || name.SequenceEqual("parsed"u8):
            case 7 when name.SequenceEqual("call_id"u8):
            case 8 when name.SequenceEqual("filename"u8) || name.SequenceEqual("logprobs"u8):
            case 10 when name.SequenceEqual("created_by"u8):
            case 11 when name.SequenceEqual("annotations"u8):
            case 16 when name.SequenceEqual("parsed_arguments"u8):
                return PromptMember.Aside;
            case 6 when name.SequenceEqual("result"u8):
            case 8 when name.SequenceEqual("file_url"u8):
            case 9 when name.SequenceEqual("image_url"u8) || name.SequenceEqual("file_data"u8):
                return PromptMember.Payload;
            case 7 when name.SequenceEqual("file_id"u8):
                return PromptMember.UploadId;
            case 17 when name.SequenceEqual("encrypted_content"u8):
                return PromptMember.Signature;
            case 10 when name.SequenceEqual("parameters"u8):
                return PromptMember.Verbatim;
            case 13 when name.SequenceEqual("cache_control"u8):
                return PromptMember.CacheControl;
            default:
                return PromptMember.Content;
        }
    }

    public static PromptMember Classify(scoped ReadOnlySpan<byte> name, bool inSource)
    {
        switch (name.Length)
        {
            case 2 when name.SequenceEqual("id"u8):
            case 4 when name.SequenceEqual("role"u8):
            case 6 when name.SequenceEqual("caller"u8):
            case 10 when name.SequenceEqual("media_type"u8):
            case 11 when name.SequenceEqual("tool_use_id"u8):
            case 12 when name.SequenceEqual("tool_call_id"u8):
                return PromptMember.Aside;
            case 4 when name.SequenceEqual("type"u8):
                return PromptMember.Type;
            case 4 when name.SequenceEqual("data"u8):
                return inSource ? PromptMember.Payload : PromptMember.Signature;
            case 4 when name.SequenceEqual("file"u8):
            case 6 when name.SequenceEqual("source"u8):
            case 9 when name.SequenceEqual("image_url"u8):
            case 11 when name.SequenceEqual("input_audio"u8):
                return PromptMember.Source;
            case 3 when inSource && name.SequenceEqual("url"u8):
            case 9 when inSource && name.SequenceEqual("file_data"u8):
                return PromptMember.Payload;
            case 6 when inSource && (name.SequenceEqual("format"u8) || name.SequenceEqual("detail"u8)):
            case 8 when inSource && name.SequenceEqual("filename"u8):
                return PromptMember.Aside;
            case 7 when name.SequenceEqual("file_id"u8):
                return PromptMember.UploadId;
            case 9 when name.SequenceEqual("signature"u8):
                return PromptMember.Signature;
            case 17 when name.SequenceEqual("encrypted_content"u8):
                return PromptMember.Encrypted;
            case 5 when name.SequenceEqual("input"u8):
            case 10 when name.SequenceEqual("parameters"u8):
            case 12 when name.SequenceEqual("input_schema"u8):
                return PromptMember.Verbatim;
            case 13 when name.SequenceEqual("cache_control"u8):
                return PromptMember.CacheControl;
            default:
                return PromptMember.Content;
        }
    }
}

/// <summary>What kind of block an object is, as far as its prompt goes.</summary>
internal enum BlockKind : byte
{
    Other,
    Image,
    Document,
    Audio,
    Upload,
    Sealed,
    Text,

    /// <summary>Responses: reasoning that an account may hold by its name.</summary>
    Reasoning,

    /// <summary>Responses: an item by its name alone.</summary>
    Reference,
}

internal static class BlockKinds
{
    public static BlockKind Of(scoped ReadOnlySpan<byte> type) => type.Length switch
    {
        4 when type.SequenceEqual("text"u8) => BlockKind.Text,
        5 when type.SequenceEqual("image"u8) => BlockKind.Image,
        9 when type.SequenceEqual("image_url"u8) => BlockKind.Image,
        8 when type.SequenceEqual("document"u8) => BlockKind.Document,
        4 when type.SequenceEqual("file"u8) => BlockKind.Document,
        11 when type.SequenceEqual("input_audio"u8) => BlockKind.Audio,
        10 when type.SequenceEqual("input_file"u8) => BlockKind.Document,
        11 when type.SequenceEqual("input_image"u8) => BlockKind.Image,
        9 when type.SequenceEqual("reasoning"u8) => BlockKind.Reasoning,
        14 when type.SequenceEqual("item_reference"u8) => BlockKind.Reference,
        19 when type.SequenceEqual("computer_screenshot"u8) => BlockKind.Image,
        21 when type.SequenceEqual("image_generation_call"u8) => BlockKind.Image,
        16 when type.SequenceEqual("container_upload"u8) => BlockKind.Upload,
        17 when type.SequenceEqual("redacted_thinking"u8) => BlockKind.Sealed,
        _ => BlockKind.Other,
    };
}

namespace Forebay.Protocols;

/// <summary>
/// What one forward pass over a request body found: enough to police, reserve, route and splice, without a DOM. Ranges
/// are measured in the body that was read, byte order mark included.
/// </summary>
public struct RequestFacts
{
    /// <summary>The dialect that the body is in.</summary>
    public WireDialect Dialect { get; set; }

    /// <summary>The model's JSON string token, quotes included.</summary>
    public ByteRange ModelValue { get; set; }

    /// <summary>The model's member: its name and its value, no comma.</summary>
    public ByteRange ModelMember { get; set; }

    /// <summary>The <c>stream</c> member: its name and its value, no comma; empty where absent.</summary>
    public ByteRange StreamMember { get; set; }

    /// <summary>The model's name, unescaped.</summary>
    public string Model { get; set; }

    /// <summary>Whether the client asked for a stream.</summary>
    public bool Stream { get; set; }

    /// <summary>Most tokens to produce: <c>max_tokens</c>, or <c>max_completion_tokens</c> where both stand. Responses:
    /// <c>max_output_tokens</c>.</summary>
    public long? MaxTokens { get; set; }

    public RequestFeatures Features { get; set; }

    public int MessageCount { get; set; }

    /// <summary>
    /// Prompt tokens, estimated: the text of tools, system and messages in UTF-8 bytes over four, rounded up. Of tools
    /// and tool inputs names count as well as values; identifiers, types, signatures and cache markers do not. On top
    /// come 1,600 tokens an image, a token for every 8 bytes of a document's base64 and one for every 2,000 bytes of
    /// audio's.
    /// </summary>
    public long EstimatedInputTokens { get; set; }

    /// <summary>The whole <c>tools</c> (or OpenAI's older <c>functions</c>) value; empty where absent.</summary>
    public ByteRange Tools { get; set; }

    /// <summary>The whole <c>system</c> value (Anthropic) or <c>instructions</c> (Responses); empty where absent.
    /// </summary>
    public ByteRange System { get; set; }

    /// <summary>The whole <c>messages</c> value. Responses: <c>input</c>, a string or an array; empty where a stored
    /// conversation alone is gone on with.</summary>
    public ByteRange Messages { get; set; }

    /// <summary>The last signature of reasoning, or last block of sealed reasoning, in the history: a JSON string,
    /// quotes included; empty where there is none.</summary>
    public ByteRange Signature { get; set; }

    /// <summary>The last name of server-side state, a container's or an uploaded file's: a JSON string, quotes
    /// included; empty where there is none.</summary>
    public ByteRange StateId { get; set; }

    /// <summary>Responses: the response that this one goes on from: a JSON string, quotes included; empty where there
    /// is none.</summary>
    public ByteRange PreviousResponse { get; set; }

    /// <summary>Responses: the last item that stands for one that is stored: a JSON string, quotes included; empty
    /// where there is none.</summary>
    public ByteRange StoredItem { get; set; }

    /// <summary>Responses: <c>background</c>: the answer is to be computed after the request has ended.</summary>
    public bool Background { get; set; }

    /// <summary>Offset just after the body's opening brace.</summary>
    public int ObjectStart { get; set; }

    /// <summary>OpenAI: the <c>stream_options</c> object with its braces; empty where absent or null.</summary>
    public ByteRange StreamOptionsValue { get; set; }

    /// <summary>OpenAI: the literal of a <c>stream_options</c> that is null; empty otherwise.</summary>
    public ByteRange StreamOptionsNull { get; set; }

    /// <summary>OpenAI: <c>stream_options.include_usage</c>; null where absent or null.</summary>
    public bool? IncludeUsage { get; set; }

    /// <summary>OpenAI: the literal of <c>include_usage</c>; empty where absent.</summary>
    public ByteRange IncludeUsageValue { get; set; }

    public string? ServiceTier { get; set; }

    /// <summary><c>inference_geo</c>, a field of Anthropic's that clients of either dialect may
    /// send; null where absent or null.</summary>
    public string? InferenceGeo { get; set; }

    /// <summary>The value of <c>inference_geo</c>, null included; empty where absent.</summary>
    public ByteRange InferenceGeoValue { get; set; }

    /// <summary>The <c>inference_geo</c> member: its name and its value, no comma; empty where absent.</summary>
    public ByteRange InferenceGeoMember { get; set; }

    /// <summary>Anthropic: <c>metadata.user_id</c>. OpenAI: <c>safety_identifier</c>, or else <c>user</c>.</summary>
    public string? UserId { get; set; }
}

namespace Forebay.Protocols;

/// <summary>What a request asks of the deployment that serves it, read from its shape.</summary>
[Flags]
public enum RequestFeatures
{
    None = 0,

    /// <summary>At least one tool is offered.</summary>
    Tools = 1,

    /// <summary>An image block, also one inside a tool's result.</summary>
    Images = 2,

    /// <summary>A document or file block.</summary>
    Documents = 4,

    /// <summary>Audio goes in, or is asked for.</summary>
    Audio = 8,

    /// <summary>Extended thinking or a reasoning effort is asked for.</summary>
    Thinking = 16,

    /// <summary>The answer must follow a format or schema.</summary>
    StructuredOutput = 32,

    /// <summary>The request names something that one account holds: an uploaded file, a container.</summary>
    ServerState = 64,

    /// <summary>At least one <c>cache_control</c> marker.</summary>
    CacheControl = 128,

    /// <summary>The history holds signed or encrypted blocks, which only the model and provider that made them
    /// accept.</summary>
    SignedHistory = 256,

    /// <summary>The history holds reasoning with an empty signature: an engine's, which nobody who checks signatures
    /// accepts.</summary>
    UnsignedHistory = 512,
}

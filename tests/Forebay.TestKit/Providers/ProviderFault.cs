namespace Forebay.TestKit.Providers;

/// <summary>Whose envelope an error comes in.</summary>
public enum FaultEnvelope
{
    /// <summary>The vendor's own.</summary>
    Own,

    /// <summary>Google's: <c>{"error":{"code":429,"message":"...","status":"RESOURCE_EXHAUSTED"}}</c>.</summary>
    Google,

    /// <summary>What stands before the vendor: a page of HTML.</summary>
    Html,
}

/// <summary>One way for a provider to go wrong.</summary>
public abstract record ProviderFault
{
    private ProviderFault()
    {
    }

    /// <summary>An error status in place of an answer.</summary>
    /// <param name="Code">HTTP status.</param>
    /// <param name="Type">The vendor's word for it.</param>
    /// <param name="Envelope">Whose envelope.</param>
    /// <param name="RetryAfter">Value of <c>retry-after</c>, or null.</param>
    /// <param name="RetryAfterMs">Value of <c>retry-after-ms</c>, or null.</param>
    public sealed record Status(
        int Code,
        string Type = "api_error",
        FaultEnvelope Envelope = FaultEnvelope.Own,
        string? RetryAfter = null,
        string? RetryAfterMs = null) : ProviderFault;

    /// <summary>A 200 that holds an error: in a stream as its first event.</summary>
    public sealed record ErrorInside : ProviderFault;

    /// <summary>A stream that ends with an error after some of its text.</summary>
    public sealed record ErrorMidway : ProviderFault;

    /// <summary>A whole, right answer in another vendor's dialect.</summary>
    public sealed record WrongDialect : ProviderFault;

    /// <summary>A stream that ends in order, but without its last event; a body that ends within.</summary>
    public sealed record EndsEarly : ProviderFault;

    /// <summary>A connection that is cut: after some of a stream, once the test says so, else before any answer.</summary>
    /// <param name="After">Completes when what was sent has arrived; null for at once, without a beginning.</param>
    public sealed record Cut(Task? After = null) : ProviderFault;

    /// <summary>A stream that says these events, in place of its own.</summary>
    /// <param name="Events">The JSON of each.</param>
    public sealed record Says(IReadOnlyList<string> Events) : ProviderFault;

    /// <summary>No answer until the caller gives up.</summary>
    public sealed record Silent : ProviderFault;
}

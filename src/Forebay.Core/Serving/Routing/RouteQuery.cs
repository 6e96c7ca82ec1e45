namespace Forebay.Core.Serving.Routing;

/// <summary>What is asked of the router for one attempt of a request.</summary>
public readonly ref struct RouteQuery
{
    /// <summary>Wire format of the client; a deployment that speaks it comes before one that does not.</summary>
    public required Dialect Dialect { get; init; }

    /// <summary>Estimated prompt, in tokens.</summary>
    public required long InputTokens { get; init; }

    /// <summary>Output to expect, in tokens.</summary>
    public double OutputTokens { get; init; }

    /// <summary>Size of the request on the wire.</summary>
    public long BodyBytes { get; init; }

    /// <summary>Whether its first token will be seen when it comes.</summary>
    public bool Stream { get; init; }

    /// <summary>Number of the client's region, negative when it is not known.</summary>
    public int Region { get; init; }

    /// <summary>Indexes of deployments already tried for this request.</summary>
    public ReadOnlySpan<int> Tried { get; init; }

    /// <summary>The request's number: decides between equals, by turns.</summary>
    public uint Number { get; init; }
}

using Forebay.Core.Serving;
using Forebay.Protocols;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Providers;

/// <summary>What an upstream is asked to do.</summary>
internal enum ProviderCall : byte
{
    /// <summary>To answer a prompt.</summary>
    Generate,

    /// <summary>To count a prompt's tokens.</summary>
    CountTokens,

    /// <summary>To embed texts.</summary>
    Embed,
}

/// <summary>One request as the pipeline hands it to a provider's adapter: in a dialect that the upstream speaks, with
/// what it may have to know of it.</summary>
internal readonly struct ProviderRequest
{
    public required ProviderCall Call { get; init; }

    /// <summary>The dialect of the body, which is the upstream's.</summary>
    public required Dialect Dialect { get; init; }

    /// <summary>Whether the client sent it in another dialect. Its headers of that dialect mean nothing then.</summary>
    public bool Translated { get; init; }

    /// <summary>The client's query string, question mark included; null or empty for none.</summary>
    public string? Query { get; init; }

    /// <summary>The client's headers.</summary>
    public required IHeaderDictionary Headers { get; init; }

    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>What was read from the body, or of a translated one where things stand.</summary>
    public required RequestFacts Facts { get; init; }

    /// <summary>What becomes of <c>inference_geo</c>.</summary>
    public GeographySplice Geography { get; init; }

    /// <summary>Whether usage must be asked for on the client's behalf.</summary>
    public bool AddUsage { get; init; }
}

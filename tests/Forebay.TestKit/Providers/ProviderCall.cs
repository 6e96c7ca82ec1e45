using System.Text.Json;
using Forebay.TestKit.Upstreams;

namespace Forebay.TestKit.Providers;

/// <summary>What a provider is asked for.</summary>
public enum ProviderOperation
{
    /// <summary>An answer, whole or streamed.</summary>
    Generate,

    /// <summary>How many tokens a prompt has.</summary>
    CountTokens,
}

/// <summary>One call as a provider understood it.</summary>
/// <param name="Request">As it came over the socket.</param>
/// <param name="Operation">What is asked for.</param>
/// <param name="Model">The model named, wherever this provider has its name.</param>
/// <param name="Stream">Whether a stream is asked for.</param>
/// <param name="Body">The body.</param>
public sealed record ProviderCall(
    ReceivedRequest Request, ProviderOperation Operation, string Model, bool Stream, JsonElement Body)
{
    /// <summary>A header's value, or null.</summary>
    public string? Header(string name) => Request.Headers.GetValueOrDefault(name);

    /// <summary>Whether the body has a member.</summary>
    public bool Has(string member) => Body.TryGetProperty(member, out _);

    /// <summary>A member's JSON text, exactly as it was sent; null where it is not there.</summary>
    public string? Raw(string member) => Body.TryGetProperty(member, out JsonElement value) ? value.GetRawText() : null;
}

/// <summary>Why a provider refuses a call.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Type">The vendor's word for the kind of error.</param>
/// <param name="Message">What it says.</param>
public sealed record ProviderRefusal(int Status, string Type, string Message)
{
    public static ProviderRefusal Invalid(string message) => new(400, "invalid_request_error", message);

    public static ProviderRefusal Unauthenticated(string message) => new(401, "authentication_error", message);

    public static ProviderRefusal NotFound(string message) => new(404, "not_found_error", message);
}

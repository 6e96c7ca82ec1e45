using Forebay.Core.Capacity;
using Forebay.Core.Serving;

namespace Forebay.Core.Fleet;

/// <summary>
/// Who a deployment is called as: what holds server-side state and can check the signatures it issued. It is made of
/// names, never of secrets, so that it outlives a reload and a renewed credential.
/// </summary>
/// <param name="Provider">The provider's id; empty for <see cref="Engines"/>.</param>
/// <param name="Host">Host and port of the endpoint; at Google, whose hosts all share, the project too.</param>
/// <param name="Credential">The reference to the credential, or null.</param>
public sealed record Account(string Provider, string Host, string? Credential)
{
    /// <summary>All engines on accelerators of the fleet, emulated ones included: they hold no state from request to
    /// request and check no signature, so a conversation may move between them.</summary>
    public static Account Engines { get; } = new("", "engines", null);

    /// <summary>The account of a deployment.</summary>
    internal static Account Of(DeploymentConfig config, ProviderConfig provider, Uri? endpoint, Backing backing) =>
        backing == Backing.Cloud && endpoint is not null
            ? new Account(
                provider.Id,
                config.Google is { } google ? $"{endpoint.Authority}/{google.Project}" : endpoint.Authority,
                config.Credential)
            : Engines;
}

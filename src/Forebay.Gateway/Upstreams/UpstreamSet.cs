using System.Collections.Frozen;
using Forebay.Core.Config;
using Forebay.Core.Fleet;

namespace Forebay.Gateway.Upstreams;

/// <summary>
/// The upstreams of the snapshot in force, by deployment id. A reload keeps those whose identity and secret did not
/// change, connections included, and opens only what is new: requests in flight keep what they hold.
/// </summary>
/// <param name="resolveSecret">Turns a reference such as <c>env:NAME</c> into the secret; throws with a message that
/// names the reference when it cannot.</param>
public sealed class UpstreamSet(Func<string, string> resolveSecret) : IDisposable
{
    private FrozenDictionary<string, Upstream> _byDeployment = FrozenDictionary<string, Upstream>.Empty;

    /// <summary>Told of every round trip that a new connection to a site took; may be set once the gateway runs.
    /// </summary>
    public Action<string, TimeSpan>? RoundTrip { get; set; }

    /// <summary>
    /// Opens the upstreams of a snapshot. On any problem nothing changes and all problems are returned.
    /// </summary>
    /// <param name="model">The snapshot.</param>
    /// <param name="publish">Puts the snapshot in force: new upstreams are open by then, and old ones close after it,
    /// so that whoever finds one gone also finds the snapshot that says where to go instead.</param>
    public IReadOnlyList<ConfigProblem> Update(FleetModel model, Action publish)
    {
        FrozenDictionary<string, Upstream> old = _byDeployment;
        var next = new Dictionary<string, Upstream>(StringComparer.Ordinal);
        var opened = new List<Upstream>();
        var problems = new List<ConfigProblem>();
        foreach (Deployment deployment in model.Deployments)
        {
            if (deployment.Endpoint is null)
            {
                continue;
            }

            try
            {
                UpstreamIdentity identity = UpstreamIdentity.Of(deployment);
                string? secret = identity.Credential is { } reference ? SecretOf(reference) : null;
                if (old.TryGetValue(deployment.Id, out Upstream? kept)
                    && kept.Identity == identity
                    && kept.Secret == secret)
                {
                    next.Add(deployment.Id, kept);
                    continue;
                }

                string site = deployment.Site.Id;
                var upstream = Upstream.Open(identity, secret, took => RoundTrip?.Invoke(site, took));
                opened.Add(upstream);
                next.Add(deployment.Id, upstream);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException
                or System.Security.Cryptography.CryptographicException or InvalidOperationException)
            {
                problems.Add(new ConfigProblem(
                    $"deployments[{deployment.Index}]",
                    $"the endpoint of '{deployment.Id}' cannot be set up: {e.Message}",
                    "Correct the credential, tls or endpoint of the deployment."));
            }
        }

        if (problems.Count > 0)
        {
            opened.ForEach(u => u.Dispose());
            return problems;
        }

        Volatile.Write(
            ref _byDeployment,
            next.Concat(old.Where(o => !next.ContainsKey(o.Key))).ToFrozenDictionary(StringComparer.Ordinal));
        publish();
        Volatile.Write(ref _byDeployment, next.ToFrozenDictionary(StringComparer.Ordinal));
        foreach ((string id, Upstream upstream) in old)
        {
            if (!next.TryGetValue(id, out Upstream? kept) || kept != upstream)
            {
                upstream.Dispose();
            }
        }

        return [];
    }

    /// <summary>An identity that its provider's library finds is no secret: the reference stands for it.</summary>
    private string SecretOf(string reference) =>
        SecretReference.TryParse(reference, out SecretReference parsed) && parsed.Kind == SecretKind.Identity
            ? reference
            : resolveSecret(reference);

    /// <summary>Leases the upstream of a deployment; null when it is gone, or another one under the same id, since the
    /// request's snapshot: what was policed by one address is never sent to another.</summary>
    public Upstream? Lease(Deployment deployment) =>
        Volatile.Read(ref _byDeployment).TryGetValue(deployment.Id, out Upstream? upstream)
            && upstream.Identity.Serves(deployment)
            && upstream.TryLease()
            ? upstream
            : null;

    /// <summary>Closes every connection to these deployments and opens none until they are restored, as if they were
    /// lost: what is in flight there fails, and goes on elsewhere where it can.</summary>
    /// <returns>How many connections were open.</returns>
    public int Cut(IReadOnlyCollection<string> deploymentIds)
    {
        FrozenDictionary<string, Upstream> upstreams = Volatile.Read(ref _byDeployment);
        return deploymentIds.Sum(id => upstreams.TryGetValue(id, out Upstream? upstream) ? upstream.Cut() : 0);
    }

    /// <summary>Opens connections to these deployments again.</summary>
    public void Restore(IReadOnlyCollection<string> deploymentIds)
    {
        FrozenDictionary<string, Upstream> upstreams = Volatile.Read(ref _byDeployment);
        foreach (string id in deploymentIds)
        {
            upstreams.GetValueOrDefault(id)?.Restore();
        }
    }

    public void Dispose()
    {
        foreach (Upstream upstream in _byDeployment.Values)
        {
            upstream.Dispose();
        }

        _byDeployment = FrozenDictionary<string, Upstream>.Empty;
    }
}

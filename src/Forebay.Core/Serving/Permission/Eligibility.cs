using System.Collections.Concurrent;
using System.Collections.Immutable;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;

namespace Forebay.Core.Serving.Permission;

/// <summary>
/// Step 4: which deployments of one model may serve a request, by residency and capability. Fails closed. What was
/// found once for a kind of request is kept beside the snapshot, so that a request costs one lookup whatever the
/// fleet's size.
/// </summary>
public sealed class Eligibility
{
    /// <summary>An estimate may be this many times too high before a prompt is refused for its length.</summary>
    private const int EstimateSlack = 2;

    private readonly ConcurrentDictionary<Kind, EligibleSet> _byKind = new();
    private readonly List<EligibleSet> _distinct = [];
    private readonly ImmutableArray<Deployment> _deployments;
    private readonly ModelConfig _model;
    private readonly int[] _contextTokens;

    /// <param name="model">The model.</param>
    /// <param name="deployments">Its deployments that have an endpoint.</param>
    public Eligibility(ModelConfig model, ImmutableArray<Deployment> deployments)
    {
        _model = model;
        _deployments = deployments;
        _contextTokens =
            [.. deployments.Select(d => d.ContextTokens(model)).Append(model.ContextTokens).Distinct().Order()];
    }

    /// <summary>Finds the deployments that may serve a request; when none is left, why: the most specific reason.
    /// </summary>
    /// <param name="tenant">Who asks.</param>
    /// <param name="request">What it needs.</param>
    /// <param name="eligible">The deployments; never empty when the answer is <see cref="Reason.None"/>.</param>
    public Reason Police(Tenant tenant, in RoutingRequest request, out EligibleSet eligible)
    {
        eligible = EligibleSet.Empty;
        int context = ContextFor(request.EstimatedInputTokens);
        if (context < 0)
        {
            return Reason.Capability;
        }

        var kind = new Kind(tenant.Residency, request.Needs, context);
        eligible = _byKind.GetOrAdd(kind, static (k, self) => self.Find(k), this);
        return eligible.Count > 0 ? Reason.None
            : _deployments.IsEmpty ? Reason.UpstreamUnavailable
            : Array.TrueForAll([.. _deployments], d => !IsCapable(d, kind)) ? Reason.Capability
            : Reason.Residency;
    }

    /// <summary>The smallest context that holds the prompt by its estimate, or the largest where the estimate may well
    /// be too high; negative when the prompt is too long for all.</summary>
    private int ContextFor(long estimatedInputTokens)
    {
        foreach (int tokens in _contextTokens)
        {
            if (estimatedInputTokens <= tokens)
            {
                return tokens;
            }
        }

        int largest = _contextTokens[^1];
        return estimatedInputTokens <= (long)largest * EstimateSlack ? largest : -1;
    }

    private EligibleSet Find(Kind kind)
    {
        ImmutableArray<Deployment> found = _deployments.RemoveAll(
            d => !ResidencyRule.Allows(kind.Residency, d.Site) || !IsCapable(d, kind));
        lock (_distinct)
        {
            EligibleSet? same = _distinct.Find(s => s.Deployments.SequenceEqual(found));
            if (same is null)
            {
                same = found.IsEmpty ? EligibleSet.Empty : new EligibleSet(found);
                _distinct.Add(same);
            }

            return same;
        }
    }

    private bool IsCapable(Deployment deployment, Kind kind) =>
        deployment.ContextTokens(_model) >= kind.ContextTokens
        && (kind.Needs & ~deployment.Abilities(_model)) == 0;

    /// <summary>Requests of one kind may use the same deployments.</summary>
    private readonly record struct Kind(ResidencyPolicyConfig? Residency, RequestNeeds Needs, int ContextTokens);
}

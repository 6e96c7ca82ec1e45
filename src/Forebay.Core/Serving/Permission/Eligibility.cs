using System.Collections.Concurrent;
using System.Collections.Immutable;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;

namespace Forebay.Core.Serving.Permission;

/// <summary>
/// Step 4: which deployments of one model may serve a request, by residency, export rules and capability. Fails closed.
/// What was found once for a kind of request is kept beside the snapshot, for as long as the model's export mask stays,
/// so that a request costs one lookup whatever the fleet's size.
/// </summary>
public sealed class Eligibility
{
    /// <summary>An estimate may be this many times too high before a prompt is refused for its length.</summary>
    private const int EstimateSlack = 2;

    /// <summary>Kinds and distinct sets kept; past it they are found anew.</summary>
    private const int MaxKept = 4096;

    private readonly Dictionary<UInt128, List<EligibleSet>> _distinct = [];
    private readonly ImmutableArray<Deployment> _deployments;
    private readonly ModelConfig _model;
    private readonly int[] _contextTokens;
    private int _sets;
    private Generation _generation = new(ExportDenials.None);

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
    /// Costs a lookup, and allocates nothing, for a kind of request seen before.</summary>
    /// <param name="rules">Where its data may go.</param>
    /// <param name="request">What it needs.</param>
    /// <param name="export">What the admin API denies of the model now.</param>
    public Permit Police(in PermissionRules rules, in RoutingRequest request, ExportDenials export)
    {
        Generation generation = Volatile.Read(ref _generation);
        if (!ReferenceEquals(generation.Export, export))
        {
            generation = Renew(export);
        }

        var kind = new Kind(rules, request.Needs, ContextFor(request.EstimatedInputTokens));
        if (generation.ByKind.TryGetValue(kind, out Permit? known))
        {
            return known;
        }

        if (generation.ByKind.Count >= MaxKept)
        {
            generation = Renew(export);
        }

        return generation.ByKind.GetOrAdd(kind, Find(kind, generation));
    }

    /// <summary>Finds the deployments by the tenant's policy and the file's rules alone, for callers that have no
    /// export masks: a simulation, a benchmark.</summary>
    public Reason Police(Tenant tenant, in RoutingRequest request, out EligibleSet eligible)
    {
        Permit permit = Police(
            new PermissionRules(tenant.Residency, null, tenant.DataClass), in request, ExportDenials.None);
        eligible = permit.Set;
        return permit.Reason;
    }

    /// <summary>What keeps a deployment from serving a request; the first thing found, in a fixed order.</summary>
    public Exclusion ExclusionOf(
        Deployment deployment, in PermissionRules rules, in RoutingRequest request, ExportDenials export)
    {
        int context = ContextFor(request.EstimatedInputTokens);
        return context < 0 || deployment.ContextTokens(_model) < context ? Exclusion.Context
            : (request.Needs & ~deployment.Abilities(_model)) != 0 ? Exclusion.Capability
            : !ServingPlaces.Allows(rules.Residency, deployment) ? Exclusion.TenantResidency
            : rules.KeyClass is { } k && !ServingPlaces.Allows(k.Policy, deployment) ? Exclusion.KeyDataClass
            : rules.DataClass is { } c && !ServingPlaces.Allows(c.Policy, deployment) ? Exclusion.DataClass
            : rules.Geography?.Policy is { } geo && !ServingPlaces.Allows(geo, deployment) ? Exclusion.InferenceGeo
            : !ServingPlaces.Allows(_model.Export, deployment) ? Exclusion.ExportFile
            : !ServingPlaces.Allows(export, deployment) ? Exclusion.ExportApi
            : Exclusion.None;
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

    /// <summary>Begins anew. A request that still goes by the mask before may put that back for a moment, which costs
    /// time and nothing else: what was found is always used with the mask that it was found under.</summary>
    private Generation Renew(ExportDenials export)
    {
        var generation = new Generation(export);
        Volatile.Write(ref _generation, generation);
        return generation;
    }

    private Permit Find(Kind kind, Generation generation)
    {
        PermissionContext context = generation.Contexts.GetOrAdd(
            kind.Rules,
            static (rules, of) => PermissionContext.Of(of.Model, rules, of.Export),
            (Model: _model, generation.Export));
        ImmutableArray<Deployment> capable = _deployments.RemoveAll(d => !IsCapable(d, kind));
        ImmutableArray<Deployment> resident = capable.RemoveAll(d => !ServingPlaces.Allow(kind.Rules, d));
        ImmutableArray<Deployment> found = resident.RemoveAll(
            d => !ServingPlaces.Allows(_model.Export, d) || !ServingPlaces.Allows(generation.Export, d));
        Reason reason = !found.IsEmpty ? Reason.None
            : _deployments.IsEmpty && kind.ContextTokens >= 0 ? Reason.UpstreamUnavailable
            : capable.IsEmpty ? Reason.Capability
            : resident.IsEmpty ? Reason.Residency
            : Reason.ExportControl;
        return new Permit(reason, Intern(found), context);
    }

    /// <summary>The one object for these deployments.</summary>
    private EligibleSet Intern(ImmutableArray<Deployment> found)
    {
        if (found.IsEmpty)
        {
            return EligibleSet.Empty;
        }

        var made = new EligibleSet(found);
        lock (_distinct)
        {
            if (_sets >= MaxKept)
            {
                // What is in use stays right; equal sets found from here on are other objects.
                _distinct.Clear();
                _sets = 0;
            }

            if (!_distinct.TryGetValue(made.Fingerprint, out List<EligibleSet>? alike))
            {
                _distinct.Add(made.Fingerprint, alike = []);
            }

            EligibleSet? same = alike.Find(s => s.Deployments.SequenceEqual(found));
            if (same is null)
            {
                alike.Add(same = made);
                _sets++;
            }

            return same;
        }
    }

    private bool IsCapable(Deployment deployment, Kind kind) =>
        kind.ContextTokens >= 0
        && deployment.ContextTokens(_model) >= kind.ContextTokens
        && (kind.Needs & ~deployment.Abilities(_model)) == 0;

    /// <summary>Requests of one kind may use the same deployments.</summary>
    private readonly record struct Kind(PermissionRules Rules, RequestNeeds Needs, int ContextTokens);

    /// <summary>What was found under one export mask.</summary>
    private sealed class Generation(ExportDenials export)
    {
        public ExportDenials Export => export;

        public ConcurrentDictionary<Kind, Permit> ByKind { get; } = new();

        public ConcurrentDictionary<PermissionRules, PermissionContext> Contexts { get; } = new();
    }
}

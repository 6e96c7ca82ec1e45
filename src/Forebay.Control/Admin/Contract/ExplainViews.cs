using Forebay.Core.Serving.Routing;

namespace Forebay.Control.Admin.Contract;

/// <summary>Answer of <c>GET /v1/explain/{id}</c>: the story of a request. <c>Cause</c> is why it was kept.</summary>
public sealed record ExplanationView(
    string RequestId,
    DateTimeOffset Accepted,
    string Tenant,
    string Key,
    string Model,
    string Cause,
    bool Late,
    IReadOnlyList<ExplainStepView> Steps);

/// <summary>One step.</summary>
public sealed record ExplainStepView(
    double AtMs,
    string Step,
    string Text,
    IReadOnlyList<PolicedCandidateView>? Policed,
    string? RulesJson,
    RouteDecision? Route);

/// <summary>A deployment of the model, and what kept the request from it.</summary>
public sealed record PolicedCandidateView(string Deployment, string Site, string Jurisdiction, string? ExcludedBy);

/// <summary>A story that can be read.</summary>
public sealed record ExplainEntryView(
    string RequestId, DateTimeOffset Accepted, string Tenant, string Model, string Cause, string Outcome);

/// <summary>Answer of <c>GET /v1/explain</c>, newest first.</summary>
public sealed record ExplainListView(IReadOnlyList<ExplainEntryView> Requests);

/// <summary>Body of <c>POST /v1/explain/tenants/{id}</c>.</summary>
public sealed record WatchBody(double? Seconds);

/// <summary>Answer of <c>POST /v1/explain/tenants/{id}</c>; no <c>Until</c> once it is ended.</summary>
public sealed record WatchView(string Tenant, DateTimeOffset? Until);

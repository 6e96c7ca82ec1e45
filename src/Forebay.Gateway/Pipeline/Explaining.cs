using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Explain;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// Keeps the story of requests that were chosen for it: by chance, for their tenant, because they asked, or because
/// something failed. For all others each step here is a comparison with null.
/// </summary>
internal static class Explaining
{
    /// <summary>Most deployments that a story of policing names.</summary>
    private const int MaxPoliced = 256;

    /// <summary>Decides whether the story is kept, once it is known whose request it is, and notes what policing found.
    /// </summary>
    public static void Policed(Exchange x, GatewayRuntime runtime, Failure failure)
    {
        if (x.Story is null && x.Model is not null
            && (x.Tenant!.Config.Explain && x.Http.Request.Headers[PipelineHeaders.Explain] == "1"
                ? ExplainCause.Asked
                : runtime.State.Explanations.CauseFor(
                    x.Id, x.Tenant.Id, x.Settings.ExplainSampleShare, x.Accepted.MonotonicNs)) is { } cause)
        {
            Begin(x, cause, late: false);
        }

        if (x.Story is not null)
        {
            AddPoliced(x, runtime, failure.IsNone ? "permitted" : ReasonTable.LabelOf(failure.Reason));
        }
    }

    public static void Limited(Exchange x, GatewayRuntime runtime, Failure failure)
    {
        if (x.Story is not null)
        {
            Add(x, runtime, "limits", failure.IsNone
                ? $"reserved {x.Reservation.InputTokens} input and {x.Reservation.OutputTokens} output tokens"
                : $"refused: {ReasonTable.LabelOf(failure.Reason)}");
        }
    }

    public static void Waited(Exchange x, GatewayRuntime runtime, double ms, bool entered)
    {
        if (x.Story is not null)
        {
            Add(x, runtime, "queue", FormattableString.Invariant(
                $"waited {ms:0.0} ms for a place, {(entered ? "and got one" : "and got none")}"));
        }
    }

    /// <summary>An attempt came to an end. One that failed is a reason to keep what follows.</summary>
    public static void Attempted(Exchange x, GatewayRuntime runtime, Deployment deployment, AttemptResult result)
    {
        if (result.End == AttemptEnd.Elsewhere && x.Story is null)
        {
            Late(x, runtime, ExplainCause.Retried);
        }

        if (x.Story is not null)
        {
            string reason = ReasonTable.LabelOf(result.Failure.Reason);
            Add(x, runtime, "attempt", result.End switch
            {
                AttemptEnd.Served => $"{deployment.Id} answered"
                    + (result.Failure.IsNone ? "" : $" with a refusal of its own ({reason})"),
                AttemptEnd.PoliceAgain => $"{deployment.Id} was held back: what is in force changed",
                AttemptEnd.Elsewhere => $"{deployment.Id} failed before anything reached the client: {reason}",
                _ => $"{deployment.Id} failed: {reason}",
            });
        }
    }

    /// <summary>Begins a story in the middle: what was decided before is told as far as it can be found out.</summary>
    public static void Late(Exchange x, GatewayRuntime runtime, ExplainCause cause)
    {
        if (x.Story is null && x is { Model: not null, Tenant: not null })
        {
            Begin(x, cause, late: true);
            AddPoliced(x, runtime, x.Eligible.Count > 0 ? "permitted" : "refused");
        }
    }

    private static bool IsLimit(Reason reason) => reason is Reason.LimitRequests or Reason.LimitInputTokens
        or Reason.LimitOutputTokens or Reason.LimitFiveHours or Reason.LimitWeek or Reason.LimitAcceleration
        or Reason.LimitSpend or Reason.LimitBatchQueue;

    /// <summary>Keeps the story. A failure is one in any case, but for those of limits.</summary>
    public static void Finish(Exchange x, GatewayRuntime runtime, Failure failure)
    {
        // Of a tenant's own limits the refusal says all there is, and there may be very many.
        if (!failure.IsNone && !failure.IsClientGone && !IsLimit(failure.Reason))
        {
            Late(x, runtime, ExplainCause.Failed);
        }

        if (x.Story is { } story)
        {
            Add(x, runtime, "end", failure.IsNone
                ? $"status {x.Status}, {x.Attempts} attempts"
                : $"status {x.Status}, {x.Attempts} attempts, {ReasonTable.LabelOf(failure.Reason)}");
            runtime.State.Explanations.Keep(story, x.Settings.ExplainMemoryBytes);
        }
    }

    public static void Routed(Exchange x, GatewayRuntime runtime, RouteDecision decision) => x.Story?.Add(
        new ExplainStep(
            AtMs(x, runtime), "route", decision.Chosen is null ? decision.Why : $"{decision.Chosen}: {decision.Why}",
            Route: decision));

    private static void Begin(Exchange x, ExplainCause cause, bool late) =>
        x.Story = new Explanation(x.Id, x.Accepted.WallUnixMs, cause, late)
        {
            Tenant = x.Tenant!.Id,
            Key = x.Key!.Id,
            Model = x.Model!.Id,
        };

    private static void AddPoliced(Exchange x, GatewayRuntime runtime, string outcome)
    {
        if (!x.RulesKnown)
        {
            Add(x, runtime, "police", $"{outcome}: before any place was looked at");
            return;
        }

        Permit permit = Policing.PermitOf(x, x.InForce);
        ExportDenials export = x.InForce.Exports.Of(x.Model!.Id);
        PolicedCandidate[] candidates =
        [
            .. x.Model.Deployments.Take(MaxPoliced).Select(d => new PolicedCandidate(
                d.Id,
                d.Site.Id,
                d.Site.Jurisdiction,
                WordOf(x.Model.Eligibility.ExclusionOf(d, x.Rules, Policing.RoutingOf(x), export)))),
        ];
        x.Story!.Add(new ExplainStep(
            AtMs(x, runtime),
            "police",
            $"{outcome}: {permit.Set.Count} of {x.Model.Deployments.Length} deployments",
            candidates,
            permit.Context.Content));
    }

    private static string? WordOf(Exclusion exclusion) => exclusion switch
    {
        Exclusion.None => null,
        Exclusion.Context => "context",
        Exclusion.Capability => "capability",
        Exclusion.TenantResidency => "tenant_residency",
        Exclusion.KeyDataClass => "key_data_class",
        Exclusion.DataClass => "data_class",
        Exclusion.InferenceGeo => "inference_geo",
        Exclusion.ExportFile => "export_file",
        Exclusion.ExportApi => "export_api",
        _ => throw new ArgumentOutOfRangeException(nameof(exclusion), exclusion, "An exclusion without a word."),
    };

    private static void Add(Exchange x, GatewayRuntime runtime, string step, string text) =>
        x.Story!.Add(new ExplainStep(AtMs(x, runtime), step, text));

    private static double AtMs(Exchange x, GatewayRuntime runtime) =>
        (Instant.MonotonicNsOf(runtime.Time) - x.Accepted.MonotonicNs) / (double)Instant.NsPerMs;
}

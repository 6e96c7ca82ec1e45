using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Forebay.Core.Telemetry;
using Forebay.Core.Time;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;

namespace Forebay.Gateway.Telemetry;

/// <summary>
/// What the gateway measures. Labels have bounded values: models and deployments come from the configuration, reasons
/// from the closed list, tenants up to a number and then <c>other</c>.
/// </summary>
internal sealed class GatewayMetrics : IDisposable
{
    private readonly Meter _meter = new("Forebay.Gateway");
    private readonly ActivitySource _traces = new("Forebay.Gateway");
    private readonly BoundedLabels _tenants;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _retriesRefused;
    private readonly Counter<long> _continuations;
    private readonly Counter<long> _continuationsRefused;
    private readonly Counter<long> _tokens;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _timeToFirstToken;
    private readonly Histogram<double> _queue;
    private readonly Histogram<double> _inputError;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _linesDropped;
    private readonly Counter<long> _violationsPrevented;
    private readonly Counter<long> _limitRefused;
    private readonly Counter<long> _implausible;
    private int _inFlight;

    public GatewayMetrics(BoundedLabels tenants, Func<int> waiting, MemoryBudget memory)
    {
        _tenants = tenants;
        _requests = _meter.CreateCounter<long>(
            "forebay.gateway.requests", "{request}", "Model calls finished, by reason of failure or none.");
        _retries = _meter.CreateCounter<long>(
            "forebay.gateway.retries", "{retry}", "Attempts made elsewhere after one failed.");
        _retriesRefused = _meter.CreateCounter<long>(
            "forebay.gateway.retries.refused", "{retry}",
            "Failures that were not tried elsewhere, though they could be, as the retry budget was used up.");
        _continuations = _meter.CreateCounter<long>(
            "forebay.gateway.continuations", "{continuation}",
            "Answers that broke off and were gone on with: tried, succeeded, failed, or ended here, " +
            "as only the end was missing.");
        _continuationsRefused = _meter.CreateCounter<long>(
            "forebay.gateway.continuations.refused", "{continuation}",
            "Answers that broke off and could not be gone on with, by what forbade it.");
        _tokens = _meter.CreateCounter<long>(
            "forebay.gateway.tokens", "{token}", "Tokens metered, by kind.");
        _duration = _meter.CreateHistogram<double>(
            "forebay.gateway.request.duration", "s", "Acceptance to the end of the answer.");
        _timeToFirstToken = _meter.CreateHistogram<double>(
            "forebay.gateway.time_to_first_token", "s", "Acceptance to the first token relayed.");
        _queue = _meter.CreateHistogram<double>(
            "forebay.gateway.queue.duration", "s", "Time spent waiting for a place.");
        _inputError = _meter.CreateHistogram(
            "forebay.gateway.input_estimate.ratio", "1", "Tokens of a prompt by its usage, for each that was expected.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 1.05, 1.1, 1.2, 1.3, 1.5, 2, 4],
            });
        _refused = _meter.CreateCounter<long>(
            "forebay.gateway.connections.refused", "{connection}", "Connections refused, by the bound they met.");
        _linesDropped = _meter.CreateCounter<long>(
            "forebay.gateway.log_lines.dropped", "{line}", "Log lines about strangers' requests that were left out.");
        _violationsPrevented = _meter.CreateCounter<long>(
            "forebay.residency.violations_prevented", "{attempt}",
            "Attempts held back because the deployment chosen was not permitted: a defect each.");
        _violationsPrevented.Add(0);
        _limitRefused = _meter.CreateCounter<long>(
            "forebay.gateway.limit.refused", "{request}", "Requests refused by a tenant's limit, by limit.");
        _implausible = _meter.CreateCounter<long>(
            "forebay.gateway.usage.implausible", "{request}",
            "Answers whose token counts were cut to what the model can do.");
        _ = _meter.CreateObservableGauge(
            "forebay.gateway.in_flight", () => Volatile.Read(ref _inFlight), "{request}", "Model calls in progress.");
        _ = _meter.CreateObservableGauge(
            "forebay.gateway.waiting", waiting, "{request}", "Model calls waiting for a place.");
        _ = _meter.CreateObservableGauge(
            "forebay.gateway.memory", () => memory.UsedBytes, "By", "Request and relay memory taken.");
    }

    /// <summary>Also shows the connections that are open.</summary>
    public void Watch(Func<int> connections) => _meter.CreateObservableGauge(
        "forebay.gateway.connections", connections, "{connection}", "Connections open.");

    /// <summary>Also shows what is remembered of who issued what.</summary>
    public void WatchPins(Func<int> pins) => _meter.CreateObservableGauge(
        "forebay.gateway.pins", pins, "{pin}", "Signatures and containers whose issuing account is remembered.");

    public void ConnectionRefused(string bound) =>
        _refused.Add(1, new KeyValuePair<string, object?>("bound", bound));

    public void ViolationPrevented() => _violationsPrevented.Add(1);

    public void LineDropped() => _linesDropped.Add(1);

    /// <summary>Counts a refusal by the limit that refused, and by the class of models it holds for.</summary>
    public void LimitRefused(Exchange x, LimitRefusal refusal) => _limitRefused.Add(
        1,
        new KeyValuePair<string, object?>("limit", LimitKinds.KeyOf(refusal.Kind)),
        new KeyValuePair<string, object?>("model_class", refusal.ModelClass ?? "all"),
        new KeyValuePair<string, object?>("tenant", TenantLabel(x)));

    public void ImplausibleUsage(Exchange x) => _implausible.Add(
        1, new KeyValuePair<string, object?>("deployment", x.Deployment?.Id ?? "none"));

    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Begins a call; a trace span comes into being only when someone listens.</summary>
    public Activity? Begin(Exchange x)
    {
        Interlocked.Increment(ref _inFlight);
        if (!_traces.HasListeners())
        {
            return null;
        }

        _ = ActivityContext.TryParse(
            x.Http.Request.Headers.TraceParent, x.Http.Request.Headers.TraceState, true, out ActivityContext parent);
        Activity? span = _traces.StartActivity("model call", ActivityKind.Server, parent);
        span?.SetTag("forebay.request_id", x.IdText);
        return span;
    }

    /// <summary>Hands the trace on to the upstream.</summary>
    public void InjectTrace(HttpRequestMessage request)
    {
        if (Activity.Current is { } span && span.Source == _traces)
        {
            request.Headers.Remove("traceparent");
            request.Headers.TryAddWithoutValidation("traceparent", span.Id);
        }
    }

    /// <summary>Ends a call, however it ended: draining waits for this.</summary>
    public void End() => Interlocked.Decrement(ref _inFlight);

    public void Retried(Exchange x, Reason reason) => _retries.Add(
        1,
        new KeyValuePair<string, object?>("deployment", x.Deployment?.Id),
        new KeyValuePair<string, object?>("reason", ReasonTable.LabelOf(reason)));

    public void RetryRefused(Exchange x) => _retriesRefused.Add(
        1, new KeyValuePair<string, object?>("model", x.Model?.Id));

    /// <summary>Counts what became of an answer that broke off.</summary>
    public void Continued(Exchange x, string outcome) => _continuations.Add(
        1,
        new KeyValuePair<string, object?>("model", x.Model?.Id),
        new KeyValuePair<string, object?>("outcome", outcome));

    /// <summary>Counts an answer that broke off and could not be gone on with.</summary>
    public void NotContinued(Exchange x, ContinuationBar bar) => _continuationsRefused.Add(
        1,
        new KeyValuePair<string, object?>("model", x.Model?.Id),
        new KeyValuePair<string, object?>("bar", JsonNamingPolicy.SnakeCaseLower.ConvertName(bar.ToString())));

    /// <summary>Counts how far what was expected of a prompt was from what it came to.</summary>
    public void InputEstimated(Exchange x) => _inputError.Record(
        x.Tokens.Prompt / (double)Math.Max(1, x.ExpectedInputTokens),
        new KeyValuePair<string, object?>("model", x.Model?.Id));

    /// <summary>Counts a finished call.</summary>
    public void Finished(Exchange x, Failure failure, Instant now)
    {
        string model = x.Model?.Id ?? "none";
        var tags = new TagList
        {
            { "model", model },
            { "tenant", TenantLabel(x) },
            { "deployment", x.Deployment?.Id ?? "none" },
            { "reason", ReasonTable.LabelOf(failure.Reason) },
        };
        _requests.Add(1, tags);
        double seconds = now.MsSince(x.Accepted) / 1000;
        _duration.Record(seconds, new KeyValuePair<string, object?>("model", model));
        if (x.TimeToFirstTokenMs >= 0)
        {
            _timeToFirstToken.Record(
                x.TimeToFirstTokenMs / 1000,
                new KeyValuePair<string, object?>("model", model),
                new KeyValuePair<string, object?>("region", x.Fleet.NameOfRegion(x.Region)));
        }

        if (x.QueueMs > 0)
        {
            _queue.Record(x.QueueMs / 1000, new KeyValuePair<string, object?>("model", model));
        }

        CountTokens(model, "input", x.Tokens.Input);
        CountTokens(model, "cache_read", x.Tokens.CacheRead);
        CountTokens(model, "cache_write", x.Tokens.CacheWrite);
        CountTokens(model, "output", x.Tokens.Output);
        Tag(Activity.Current, x, failure);
    }

    public void Dispose()
    {
        _meter.Dispose();
        _traces.Dispose();
    }

    private string TenantLabel(Exchange x) => x.Tenant is null
        ? "none"
        : _tenants.Of(x.Tenant.Id, x.Fleet.Config.Server.Telemetry.MaxTenantLabels);

    private void Tag(Activity? span, Exchange x, Failure failure)
    {
        if (span is null || span.Source != _traces)
        {
            return;
        }

        // Names follow OpenTelemetry's semantic conventions for generative AI where they have one.
        span.SetTag("gen_ai.request.model", x.Model?.Id);
        span.SetTag("gen_ai.usage.input_tokens", x.Tokens.Prompt);
        span.SetTag("gen_ai.usage.output_tokens", x.Tokens.Output);
        span.SetTag("http.response.status_code", x.Status);
        span.SetTag("forebay.tenant", x.Tenant?.Id);
        span.SetTag("forebay.deployment", x.Deployment?.Id);
        span.SetTag("forebay.attempts", x.Attempts);
        if (!failure.IsNone)
        {
            span.SetTag("error.type", ReasonTable.LabelOf(failure.Reason));
            span.SetStatus(ActivityStatusCode.Error);
        }
    }

    private void CountTokens(string model, string kind, long count)
    {
        if (count > 0)
        {
            _tokens.Add(
                count,
                new KeyValuePair<string, object?>("model", model),
                new KeyValuePair<string, object?>("kind", kind));
        }
    }
}

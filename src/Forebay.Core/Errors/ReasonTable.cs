using System.Collections.Immutable;

namespace Forebay.Core.Errors;

/// <summary>How loudly a failure is logged.</summary>
public enum Severity : byte
{
    Info,
    Warning,
    Error,
}

/// <summary>What clients should do: a plain <c>x-should-retry</c>, or nothing said.</summary>
public enum RetryAdvice : byte
{
    Unstated,
    Retry,
    DoNotRetry,
}

/// <summary>One row of the error table.</summary>
/// <param name="Reason">The reason.</param>
/// <param name="Label">Metric label and log field: lower snake case, stable.</param>
/// <param name="AnthropicStatus">HTTP status towards Anthropic clients.</param>
/// <param name="AnthropicType"><c>error.type</c> of the Anthropic envelope.</param>
/// <param name="OpenAiStatus">HTTP status towards OpenAI clients.</param>
/// <param name="OpenAiType"><c>error.type</c> of the OpenAI envelope.</param>
/// <param name="OpenAiCode"><c>error.code</c> of the OpenAI envelope, or null.</param>
/// <param name="Severity">Log level.</param>
/// <param name="Retry">Value of <c>x-should-retry</c>.</param>
public sealed record ReasonRow(
    Reason Reason,
    string Label,
    int AnthropicStatus,
    string AnthropicType,
    int OpenAiStatus,
    string OpenAiType,
    string? OpenAiCode,
    Severity Severity,
    RetryAdvice Retry)
{
    /// <summary>Whether to try again; null where nothing is said.</summary>
    public bool? Advises => Retry == RetryAdvice.Unstated ? null : Retry == RetryAdvice.Retry;
}

/// <summary>The one table from <see cref="Reason"/> to everything that must agree about it.</summary>
public static class ReasonTable
{
    private const string Invalid = "invalid_request_error";
    private const string Server = "server_error";

    /// <summary>Every row, in the order of <see cref="Reason"/>, <see cref="Reason.None"/> left out.</summary>
    public static ImmutableArray<ReasonRow> Rows { get; } =
    [
        Row(Reason.BadRequest, "bad_request", 400, Invalid, 400, Invalid, null, Severity.Info, RetryAdvice.DoNotRetry),
        Row(Reason.Unauthenticated, "unauthenticated", 401, "authentication_error", 401, Invalid, "invalid_api_key",
            Severity.Info, RetryAdvice.DoNotRetry),
        Row(Reason.NotPermitted, "not_permitted", 403, "permission_error", 403, "permission_error", null,
            Severity.Info, RetryAdvice.DoNotRetry),
        Row(Reason.NoSuchPath, "no_such_path", 404, "not_found_error", 404, Invalid, "unknown_url", Severity.Info,
            RetryAdvice.DoNotRetry),
        Row(Reason.MethodNotAllowed, "method_not_allowed", 405, Invalid, 405, Invalid, "method_not_allowed",
            Severity.Info, RetryAdvice.DoNotRetry),
        Row(Reason.NoSuchModel, "no_such_model", 404, "not_found_error", 404, Invalid, "model_not_found",
            Severity.Info, RetryAdvice.DoNotRetry),
        Row(Reason.Untranslatable, "untranslatable", 400, Invalid, 400, Invalid, "untranslatable", Severity.Info,
            RetryAdvice.DoNotRetry),
        Row(Reason.Capability, "capability", 400, Invalid, 400, Invalid, "capability_unavailable", Severity.Info,
            RetryAdvice.DoNotRetry),
        Row(Reason.Residency, "residency", 403, "permission_error", 403, "permission_error", "residency",
            Severity.Warning, RetryAdvice.DoNotRetry),
        Row(Reason.BodyTooLarge, "body_too_large", 413, "request_too_large", 413, Invalid, "request_too_large",
            Severity.Info, RetryAdvice.DoNotRetry),
        Row(Reason.UnsupportedEncoding, "unsupported_encoding", 415, Invalid, 415, Invalid, "unsupported_encoding",
            Severity.Info, RetryAdvice.DoNotRetry),
        Row(Reason.RequestTimeout, "request_timeout", 408, Invalid, 408, Invalid, "request_timeout", Severity.Info,
            RetryAdvice.Retry),
        Row(Reason.LimitRequests, "limit_requests", 429, "rate_limit_error", 429, "requests", "rate_limit_exceeded",
            Severity.Info, RetryAdvice.Retry),
        Row(Reason.LimitInputTokens, "limit_input_tokens", 429, "rate_limit_error", 429, "tokens",
            "rate_limit_exceeded", Severity.Info, RetryAdvice.Retry),
        Row(Reason.LimitOutputTokens, "limit_output_tokens", 429, "rate_limit_error", 429, "tokens",
            "rate_limit_exceeded", Severity.Info, RetryAdvice.Retry),
        Row(Reason.Overloaded, "overloaded", 529, "overloaded_error", 503, Server, "overloaded", Severity.Warning,
            RetryAdvice.Retry),
        Row(Reason.QueueTimeout, "queue_timeout", 529, "overloaded_error", 503, Server, "queue_timeout",
            Severity.Warning, RetryAdvice.Retry),
        Row(Reason.Draining, "draining", 529, "overloaded_error", 503, Server, "draining", Severity.Info,
            RetryAdvice.Retry),
        Row(Reason.MemoryBudget, "memory_budget", 503, "overloaded_error", 503, Server, "memory_budget",
            Severity.Warning, RetryAdvice.Retry),
        Row(Reason.JournalUnavailable, "journal_unavailable", 503, "api_error", 503, Server, "journal_unavailable",
            Severity.Error, RetryAdvice.Retry),
        Row(Reason.UpstreamUnavailable, "upstream_unavailable", 502, "api_error", 502, Server,
            "upstream_unavailable", Severity.Warning, RetryAdvice.Retry),
        Row(Reason.UpstreamOverloaded, "upstream_overloaded", 529, "overloaded_error", 503, Server,
            "upstream_overloaded", Severity.Warning, RetryAdvice.Retry),
        Row(Reason.UpstreamAccount, "upstream_account", 529, "overloaded_error", 503, Server,
            "upstream_account", Severity.Error, RetryAdvice.Retry),
        Row(Reason.UpstreamRefused, "upstream_refused", 400, Invalid, 400, Invalid, null, Severity.Info,
            RetryAdvice.Unstated),
        Row(Reason.UpstreamTimeout, "upstream_timeout", 504, "timeout_error", 504, Server, "upstream_timeout",
            Severity.Warning, RetryAdvice.Retry),
        Row(Reason.UpstreamProtocol, "upstream_protocol", 502, "api_error", 502, Server, "upstream_protocol",
            Severity.Error, RetryAdvice.Retry),
        Row(Reason.UpstreamCut, "upstream_cut", 502, "api_error", 502, Server, "upstream_cut", Severity.Warning,
            RetryAdvice.Retry),
        Row(Reason.ClientGone, "client_gone", 499, Invalid, 499, Invalid, null, Severity.Info,
            RetryAdvice.Unstated),
        Row(Reason.Internal, "internal", 500, "api_error", 500, Server, "internal", Severity.Error,
            RetryAdvice.Retry),
        Row(Reason.ClientStalled, "client_stalled", 499, Invalid, 499, Invalid, null, Severity.Info,
            RetryAdvice.Unstated),
        Row(Reason.LimitFiveHours, "limit_five_hours", 429, "rate_limit_error", 429, "tokens",
            "rate_limit_exceeded", Severity.Info, RetryAdvice.DoNotRetry),
        Row(Reason.LimitWeek, "limit_week", 429, "rate_limit_error", 429, "tokens", "rate_limit_exceeded",
            Severity.Info, RetryAdvice.DoNotRetry),
        Row(Reason.LimitAcceleration, "limit_acceleration", 429, "rate_limit_error", 429, "tokens",
            "rate_limit_exceeded", Severity.Info, RetryAdvice.Retry),
        Row(Reason.LimitSpend, "limit_spend", 429, "rate_limit_error", 429, "insufficient_quota",
            "insufficient_quota", Severity.Info, RetryAdvice.DoNotRetry),
        Row(Reason.LimitBatchQueue, "limit_batch_queue", 429, "rate_limit_error", 429, "requests",
            "rate_limit_exceeded", Severity.Info, RetryAdvice.Retry),
        Row(Reason.ExportControl, "export_control", 403, "permission_error", 403, "permission_error",
            "export_control", Severity.Warning, RetryAdvice.DoNotRetry),
        Row(Reason.Pinned, "pinned", 400, Invalid, 400, Invalid, "pinned", Severity.Warning,
            RetryAdvice.DoNotRetry),
        Row(Reason.NoSuchObject, "no_such_object", 404, "not_found_error", 404, Invalid, null, Severity.Info,
            RetryAdvice.DoNotRetry),
        Row(Reason.Conflict, "conflict", 409, "conflict_error", 409, Invalid, null, Severity.Info,
            RetryAdvice.DoNotRetry),
        Row(Reason.StorageUnavailable, "storage_unavailable", 503, "api_error", 503, Server, "storage_unavailable",
            Severity.Error, RetryAdvice.Retry),
    ];

    /// <summary>The row of a reason; <see cref="Reason.None"/> has none and is a programming error.</summary>
    public static ReasonRow For(Reason reason) => Rows[(int)reason - 1];

    /// <summary>The metric label of a reason; <c>none</c> when nothing failed.</summary>
    public static string LabelOf(Reason reason) => reason == Reason.None ? "none" : For(reason).Label;

    private static ReasonRow Row(
        Reason reason,
        string label,
        int anthropicStatus,
        string anthropicType,
        int openAiStatus,
        string openAiType,
        string? openAiCode,
        Severity severity,
        RetryAdvice retry) =>
        new(reason, label, anthropicStatus, anthropicType, openAiStatus, openAiType, openAiCode, severity, retry);
}

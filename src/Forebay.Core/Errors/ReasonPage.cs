using System.Text;

namespace Forebay.Core.Errors;

/// <summary>The reference page of the error table, made from the table.</summary>
public static class ReasonPage
{
    /// <summary>The page as Markdown.</summary>
    public static string Write()
    {
        var page = new StringBuilder("""
            # Errors

            Every failed request carries exactly one reason: in the header `x-forebay-reason`, in the log line, in the
            usage record and in the metric `forebay_gateway_requests_total`. The body is the dialect's own envelope,
            with a request id and words that say what to do. `x-should-retry` is what the vendors' clients obey first.

            | reason | Anthropic | OpenAI | log | x-should-retry |
            |---|---|---|---|---|

            """);
        foreach (ReasonRow row in ReasonTable.Rows)
        {
            string code = row.OpenAiCode is null ? "" : $" `{row.OpenAiCode}`";
            string retry = row.Retry switch
            {
                RetryAdvice.Retry => "true",
                RetryAdvice.DoNotRetry => "false",
                _ => "",
            };
            page.Append($"| `{row.Label}` | {row.AnthropicStatus} `{row.AnthropicType}` | {row.OpenAiStatus} ");
            page.Append($"`{row.OpenAiType}`{code} | {row.Severity.ToString().ToLowerInvariant()} | {retry} |\n");
        }

        page.Append("""

            `upstream_refused` stands for an upstream's own 4xx, which goes back word for word with its own status.
            `client_gone` is never sent: it is what the log and the usage record say of a client that went away.
            `client_stalled` neither: it stands for a client that stopped reading its answer and was cut.
            Once a stream has begun, a failure is an error event in it, and the status stays 200.

            """);
        return page.ToString();
    }
}

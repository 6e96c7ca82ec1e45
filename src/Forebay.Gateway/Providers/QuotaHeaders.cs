using System.Globalization;
using System.Net.Http.Headers;
using Forebay.Core.Capacity.Quotas;

namespace Forebay.Gateway.Providers;

/// <summary>Reads the rate-limit headers of Anthropic and OpenAI. What is no number above zero is not told: some
/// servers send -1 or 0 for a limit that they do not have.</summary>
internal static class QuotaHeaders
{
    public static void Read(HttpResponseHeaders headers, QuotaMeter quota, long nowNs)
    {
        HttpHeadersNonValidated all = headers.NonValidated;
        Learn(all, "anthropic-ratelimit-requests-", QuotaLane.Requests, quota, nowNs);
        Learn(all, "anthropic-ratelimit-input-tokens-", QuotaLane.InputTokens, quota, nowNs);
        Learn(all, "anthropic-ratelimit-output-tokens-", QuotaLane.OutputTokens, quota, nowNs);
        Learn(all, "x-ratelimit-", "-requests", QuotaLane.Requests, quota, nowNs);
        Learn(all, "x-ratelimit-", "-tokens", QuotaLane.AllTokens, quota, nowNs);
    }

    private static void Learn(
        HttpHeadersNonValidated headers, string prefix, QuotaLane lane, QuotaMeter quota, long nowNs) =>
        Learn(headers, prefix, "", lane, quota, nowNs);

    private static void Learn(
        HttpHeadersNonValidated headers,
        string prefix,
        string suffix,
        QuotaLane lane,
        QuotaMeter quota,
        long nowNs)
    {
        // Without a limit, what is left is of no known limit either.
        if (NumberOf(headers, prefix + "limit" + suffix) is { } limit and > 0)
        {
            quota.Learn(lane, limit, NumberOf(headers, prefix + "remaining" + suffix), nowNs);
        }
    }

    private static long? NumberOf(HttpHeadersNonValidated headers, string name) =>
        headers.TryGetValues(name, out HeaderStringValues values)
            && long.TryParse(values.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? number
            : null;
}

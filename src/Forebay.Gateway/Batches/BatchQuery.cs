using System.Globalization;
using Forebay.Core.Errors;
using Forebay.Gateway.Pipeline;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Batches;

/// <summary>Query strings of lists.</summary>
internal static class BatchQuery
{
    public static Failure ReadLimit(IQueryCollection query, int absent, int most, out int limit)
    {
        limit = absent;
        return Text(query, "limit") is not { } text
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit)
                && limit >= 1 && limit <= most)
            ? Failure.None
            : new Failure(Reason.BadRequest, $"limit: a whole number from 1 to {most:N0} is expected.", "limit");
    }

    public static string? Text(IQueryCollection query, string name) =>
        query[name].ToString() is { Length: > 0 } text ? text : null;
}

/// <summary>Which headers of the request that makes a batch its items are run with.</summary>
internal static class BatchHeaders
{
    /// <summary>Says only that batches are wanted; a call for a message does not know it.</summary>
    private const string BatchBeta = "message-batches-";

    /// <summary>The vendors' own headers, which are an open list, and ours that say where data may go. No credential is
    /// among them.</summary>
    public static IReadOnlyDictionary<string, string> Of(IHeaderDictionary headers)
    {
        var kept = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in headers)
        {
            if (!name.StartsWith("anthropic-", StringComparison.OrdinalIgnoreCase)
                && !name.StartsWith("openai-", StringComparison.OrdinalIgnoreCase)
                && !name.Equals(PipelineHeaders.DataClass, StringComparison.OrdinalIgnoreCase)
                && !name.Equals(PipelineHeaders.InferenceGeo, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            string value = name.Equals("anthropic-beta", StringComparison.OrdinalIgnoreCase)
                ? string.Join(',', values.ToString().Split(',', StringSplitOptions.TrimEntries)
                    .Where(beta => beta.Length > 0 && !beta.StartsWith(BatchBeta, StringComparison.Ordinal)))
                : values.ToString();
            if (value.Length > 0)
            {
                kept[name.ToLowerInvariant()] = value;
            }
        }

        return kept;
    }
}

using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Continuation;

namespace Forebay.FunctionalTests.Storm;

/// <summary>How a call ended, by what its client read alone.</summary>
internal enum StormEnd
{
    /// <summary>The whole right answer, well-formed.</summary>
    Right,

    /// <summary>An error, before anything of an answer.</summary>
    Refused,

    /// <summary>A beginning of the right answer, then one error event.</summary>
    Broken,

    /// <summary>The client left; what it read is a beginning of the right answer.</summary>
    Left,

    /// <summary>Anything else.</summary>
    Wrong,
}

/// <summary>Reads answers as their clients do, and judges failures by the worlds that they met.</summary>
internal static class StormVerdict
{
    private static readonly FrozenDictionary<string, ReasonRow> Rows =
        ReasonTable.Rows.ToFrozenDictionary(r => r.Label, StringComparer.Ordinal);

    /// <summary>What is told before a request is accepted: no record follows where nothing was accepted.</summary>
    private static readonly FrozenSet<Reason> MayBeUnaccepted =
        new[] { Reason.Residency, Reason.ExportControl, Reason.LimitRequests }.ToFrozenSet();

    public static bool IsUnaccepted(string? reason) => reason is not null && MayBeUnaccepted.Contains(Rows[reason].Reason);

    /// <summary>How a call ended, and what is wrong with it.</summary>
    /// <param name="call">The call.</param>
    /// <param name="isExact">Whether its bytes are the upstream's but for the model's name.</param>
    /// <param name="why">What is wrong.</param>
    public static StormEnd EndOf(StormCall call, out bool isExact, out string why)
    {
        isExact = false;
        why = "";
        try
        {
            return call.Status != 200 ? Refused(call, out why)
                : call.Question.Stream ? Streamed(call, out isExact, out why)
                : Whole(call, out isExact, out why);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            why = e.Message;
            return StormEnd.Wrong;
        }
    }

    /// <summary>
    /// Why a failure had to be, or null where it had not. The rule: <em>a request that was permitted somewhere all the time
    /// from before it was sent until it had its end, where nothing was wrong all that time, must not fail</em>, but for
    /// what its own tenant's limit refuses, and for a stream that broke off after it had begun where its model, tenant,
    /// dialect or client forbids to go on with it, or where nobody healthy speaks its client's dialect.
    /// </summary>
    public static string? Excuse(
        StormCall call, StormEnd end, Reason reason, StormArrival[] arrivals, StormWorld[] worlds)
    {
        StormQuestion q = call.Question;
        switch (reason)
        {
            case Reason.Residency:
                return worlds.Any(w => !StormFleet.Places.Any(p => StormFleet.Resides(q, p, w) && IsThere(q, p, w)))
                    ? "no residence" : null;
            case Reason.ExportControl:
                return worlds.Any(w => !StormFleet.Places.Any(p => StormFleet.Permits(q, p, w))) ? "denied" : null;
            case Reason.LimitRequests:
                return q.Tenant.Id == "capped" ? "limit" : null;
        }

        if (!IsUpstreams(reason))
        {
            return null;
        }

        bool broke = end != StormEnd.Refused && arrivals.Any(a => Broke(a, worlds));
        return broke && !Continues(q) ? "broke off, not to be gone on with"
            : !Havens(q, worlds).Any() ? "no haven"
            : broke && !Havens(q, worlds).Any(p => p.Dialects.Contains(q.Dialect)) ? "broke off, no haven of its dialect"
            : null;
    }

    /// <summary>Whether an answer may have broken off after it had begun. A server that is killed does not know how much
    /// of what it wrote was read.</summary>
    public static bool Broke(StormArrival arrival, StormWorld[] worlds) => arrival.Begun
        && (!arrival.Served || worlds.Any(w => w.FaultOf(arrival.Place.Name).Kind == StormFaultKind.Killed));

    /// <summary>Where a request could have been served whenever it was tried there, and would not have been given up on
    /// by a machine that is busy.</summary>
    public static IEnumerable<StormPlace> Havens(StormQuestion question, StormWorld[] worlds) => StormFleet.Places.Where(
        p => !p.IsFrail && worlds.All(w => StormFleet.Permits(question, p, w) && w.FaultOf(p.Name).Answers));

    private static bool IsThere(StormQuestion q, StormPlace place, StormWorld world) =>
        !world.Fleet.Removed.Contains(StormFleet.DeploymentOf(q.Model, place.Name));

    private static bool Continues(StormQuestion q) => StormFleet.MannerOf(q.Model) switch
    {
        ContinuationManner.None => false,
        ContinuationManner.ContinueFinalMessage => q.Dialect == Dialect.OpenAi,
        _ => true,
    } && q.Tenant.Continues && !q.NeverContinue;

    private static bool IsUpstreams(Reason reason) => reason is Reason.UpstreamAccount or Reason.UpstreamCut
        or Reason.UpstreamOverloaded or Reason.UpstreamProtocol or Reason.UpstreamTimeout or Reason.UpstreamUnavailable;

    private static StormEnd Refused(StormCall call, out string why)
    {
        if (call.Reason is null || !Rows.TryGetValue(call.Reason, out ReasonRow? row))
        {
            why = $"status {call.Status} with reason {call.Reason}";
            return StormEnd.Wrong;
        }

        bool anthropic = call.Question.Dialect == Dialect.Anthropic;
        using JsonDocument json = JsonDocument.Parse(call.Body);
        JsonElement error = json.RootElement.GetProperty("error");
        (int status, string type) = anthropic
            ? (row.AnthropicStatus, row.AnthropicType)
            : (row.OpenAiStatus, row.OpenAiType);
        why = $"{call.Status} {call.Text}";
        return call.Status == status
            && error.GetProperty("type").GetString() == type
            && error.GetProperty("message").GetString()!.Length > 0
            && (!anthropic || json.RootElement.GetProperty("type").GetString() == "error")
            ? StormEnd.Refused
            : StormEnd.Wrong;
    }

    private static StormEnd Whole(StormCall call, out bool isExact, out string why)
    {
        StormQuestion q = call.Question;
        isExact = call.Text == StormModel.Whole(q.Dialect, q.Number, q.Model);
        why = call.Text;
        if (isExact)
        {
            return StormEnd.Right;
        }

        using JsonDocument json = JsonDocument.Parse(call.Body);
        JsonElement answer = json.RootElement;
        JsonElement usage = answer.GetProperty("usage");
        bool anthropic = q.Dialect == Dialect.Anthropic;
        string? text = anthropic
            ? answer.GetProperty("content")[0].GetProperty("text").GetString()
            : answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
        string? stop = anthropic
            ? answer.GetProperty("stop_reason").GetString()
            : answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString();
        TokenUsage expected = StormModel.UsageOf(q.Number);
        return text == StormModel.TextOf(q.Number)
            && stop == (anthropic ? "end_turn" : "stop")
            && answer.GetProperty("model").GetString() == q.Model
            && (anthropic
                ? usage.GetProperty("input_tokens").GetInt64() == expected.Input
                    && usage.GetProperty("cache_read_input_tokens").GetInt64() == expected.CacheRead
                    && usage.GetProperty("output_tokens").GetInt64() == expected.Output
                : usage.GetProperty("prompt_tokens").GetInt64() == expected.Prompt
                    && usage.GetProperty("completion_tokens").GetInt64() == expected.Output)
            ? StormEnd.Right
            : StormEnd.Wrong;
    }

    private static StormEnd Streamed(StormCall call, out bool isExact, out string why)
    {
        StormQuestion q = call.Question;
        byte[] exact = StormModel.Bytes(StormModel.Stream(q.Dialect, q.Number, q.Model, 0, q.AsksUsage));
        isExact = call.Body.AsSpan().SequenceEqual(exact);
        why = call.Text;
        if (isExact)
        {
            return StormEnd.Right;
        }

        bool left = q.LeavesAfter is { } most && call.Body.Length >= most;
        string raw = left ? Encoding.UTF8.GetString(WholeEvents(call.Body)) : call.Text;
        StreamedText read = StreamedText.Of(raw);
        string text = StormModel.TextOf(q.Number);
        if (!text.StartsWith(read.Text, StringComparison.Ordinal)
            || read.Ids.Count > 1
            || read.Models.Any(m => m != q.Model))
        {
            return StormEnd.Wrong;
        }

        if (left)
        {
            return StormEnd.Left;
        }

        int error = read.Kinds.IndexOf("error");
        if (error >= 0)
        {
            return error == read.Kinds.Count - 1 && !read.Kinds.Contains(EndOf(q.Dialect)) ? StormEnd.Broken : StormEnd.Wrong;
        }

        // One that was gone on with must not be told apart from one that was not.
        return read.Text == text
            && read.Kinds.SequenceEqual(StreamedText.Of(Encoding.UTF8.GetString(exact)).Kinds)
            && read.Stop == (q.Dialect == Dialect.Anthropic ? "end_turn" : "stop")
            ? StormEnd.Right
            : StormEnd.Wrong;
    }

    private static string EndOf(Dialect dialect) => dialect == Dialect.Anthropic ? "message_stop" : "[DONE]";

    private static ReadOnlySpan<byte> WholeEvents(byte[] body)
    {
        int end = body.AsSpan().LastIndexOf("\n\n"u8);
        return body.AsSpan(0, end < 0 ? 0 : end + 2);
    }
}

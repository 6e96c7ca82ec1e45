using Forebay.Core.Audit.Residency;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Continuation;
using Forebay.FunctionalTests.Server;

namespace Forebay.FunctionalTests.Storm;

/// <summary>All that must hold after a storm. Each check says every thing that does not.</summary>
internal sealed class StormChecks
{
    private static readonly TokenPrices Prices = new(3_000_000, 300_000, 3_750_000, 15_000_000);

    private readonly StormGateway _gateway;
    private readonly StormTimeline _timeline;
    private readonly StormClients _clients;
    private readonly StormCall[] _calls;
    private readonly ILookup<int, StormArrival> _arrivals;
    private readonly IReadOnlyList<UsageRecord> _records;
    private readonly Dictionary<string, UsageRecord> _byId = [];
    private readonly List<string> _unexcused = [];

    private StormChecks(
        StormGateway gateway, StormTimeline timeline, StormClients clients, IReadOnlyCollection<StormUpstream> upstreams,
        IReadOnlyList<UsageRecord> records)
    {
        _gateway = gateway;
        _timeline = timeline;
        _clients = clients;
        _calls = [.. clients.Calls];
        _arrivals = upstreams.SelectMany(u => u.Arrivals).ToLookup(a => a.Number);
        _records = records;
        Wrong.AddRange(upstreams.SelectMany(u => u.Absurd));
    }

    /// <summary>What does not hold.</summary>
    public List<string> Wrong { get; } = [];

    /// <summary>How calls ended and why.</summary>
    public SortedDictionary<string, int> Counts { get; } = new(StringComparer.Ordinal);

    public static async Task<StormChecks> OfAsync(
        StormGateway gateway, StormTimeline timeline, StormClients clients, IReadOnlyCollection<StormUpstream> upstreams)
    {
        var checks = new StormChecks(gateway, timeline, clients, upstreams, await gateway.RecordsAsync());
        checks.CheckRecords();
        Array.ForEach(checks._calls, checks.CheckAnswer);
        checks.CheckExcuses();
        checks.CheckPrompts();
        checks.CheckLimits();
        await checks.CheckSumsAsync();
        await checks.CheckAuditAsync();
        return checks;
    }

    /// <summary>One record of each accepted request, and none of any other.</summary>
    private void CheckRecords()
    {
        Wrong.AddRange(_records.Where(r => !_byId.TryAdd(r.IdText(), r)).Select(r => $"{r.IdText()} is recorded twice"));
        HashSet<string> seen = [.. _calls.Select(c => c.RequestId)];
        Wrong.AddRange(_byId.Keys.Where(id => !seen.Contains(id)).Select(id => $"nobody asked for {id}"));
        if (seen.Count != _calls.Length || _calls.Length != _clients.Asked.Count)
        {
            Wrong.Add($"{_clients.Asked.Count} were asked, {_calls.Length} ended, with {seen.Count} request ids");
        }
    }

    /// <summary>An answer is the right one, or an error that had to be; and its record says the same.</summary>
    private void CheckAnswer(StormCall call)
    {
        StormArrival[] arrivals = [.. _arrivals[call.Question.Number]];
        // When the server is done with a client that left, nobody sees.
        StormWorld[] worlds = [.. _timeline.Between(call.From, call.Question.LeavesAfter is null ? call.To : _timeline.Begun)];
        StormEnd end = StormVerdict.EndOf(call, out bool isExact, out string why);
        UsageRecord? record = _byId.GetValueOrDefault(call.RequestId);
        if (end == StormEnd.Wrong)
        {
            Add(call, record, $"got a wrong answer: {why}");
        }
        else if (end == StormEnd.Right && !isExact && !MayDiffer(call.Question, arrivals, worlds))
        {
            Add(call, record, $"got other bytes than its upstream sent: {why}");
        }
        else if (end is StormEnd.Refused or StormEnd.Broken || record?.Outcome == UsageOutcome.Failed)
        {
            Judge(call, end, record, arrivals, worlds);
        }
        else
        {
            Count(arrivals.Any(a => a.From > 0) ? $"{end} gone on with" : $"{end}");
        }

        if (record is null)
        {
            if (!StormVerdict.IsUnaccepted(call.Reason) || arrivals.Length > 0)
            {
                Add(call, record, $"is not recorded: {call.Status} {call.Reason}");
            }
        }
        else if (WrongIn(record, call, end, arrivals, worlds) is { } wrong)
        {
            Add(call, record, wrong);
        }
    }

    private void Judge(StormCall call, StormEnd end, UsageRecord? record, StormArrival[] arrivals, StormWorld[] worlds)
    {
        Reason reason = record?.Reason ?? ReasonTable.Rows.First(r => r.Label == call.Reason).Reason;
        string label = ReasonTable.LabelOf(reason);
        if (call.Reason is { } told && told != label)
        {
            Add(call, record, $"was told {told}");
        }

        string? excuse = StormVerdict.Excuse(call, end, reason, arrivals, worlds);
        Count($"{end} {label}: {excuse ?? "not excused"}");
        if (excuse is null)
        {
            _unexcused.Add(Story(call, record, $"failed with {label}, and need not: {call.Text}"));
        }
    }

    /// <summary>A burst of failures may use up the retries that there are; by so many, and no more, may fail without
    /// another excuse.</summary>
    private void CheckExcuses()
    {
        if (_unexcused.Count > _gateway.RetriesRefused)
        {
            Wrong.Add($"{_unexcused.Count} failures need not have been, with {_gateway.RetriesRefused} retries refused");
            Wrong.AddRange(_unexcused);
        }
    }

    /// <summary>What a record must say of its call.</summary>
    private static string? WrongIn(
        UsageRecord record, StormCall call, StormEnd end, StormArrival[] arrivals, StormWorld[] worlds)
    {
        StormQuestion q = call.Question;
        TokenUsage whole = StormModel.UsageOf(q.Number);
        UsageOutcome[] outcomes = end switch
        {
            StormEnd.Right => [UsageOutcome.Completed],
            StormEnd.Left => [UsageOutcome.Completed, UsageOutcome.ClientGone, UsageOutcome.Failed],
            _ => [UsageOutcome.Failed],
        };
        bool isCharged = record.Outcome != UsageOutcome.Failed;
        // Cut between its last token and its counts, which come last there, an answer has those that were made here.
        bool mayBeUntold = record.Estimated
            && arrivals.Any(a => a.Dialect == Dialect.OpenAi && StormVerdict.Broke(a, worlds))
            && !arrivals.Any(a => a.Served && !StormVerdict.Broke(a, worlds));
        return (record.Tenant, record.Key, record.Model, record.Dialect, record.Stream)
                != (q.Tenant.Id, q.Tenant.Key.Id, q.Model, q.Dialect, q.Stream) ? "is recorded as another's"
            : end != StormEnd.Wrong && !outcomes.Contains(record.Outcome) ? $"ended as {end}"
            : record.Outcome == UsageOutcome.Completed != (record.Reason == Reason.None) ? "has no reason, or one too many"
            : record.CustomerPriceMicros != (isCharged ? Prices.Of(record.Tokens) : 0) ? "is charged wrongly"
            : record.Outcome == UsageOutcome.Completed && record.Tokens != whole
                && !(mayBeUntold && record.Tokens.Output == whole.Output) ? $"used {whole}"
            : record.Tokens.Output > whole.Output ? $"used at most {whole.Output}"
            : end == StormEnd.Right && q.Stream && WrongIn(StreamedText.Of(call.Text), q, record) is { } told ? told
            : !IsWithin(arrivals, record) ? "is recorded at other places than it was seen at"
            : IsTriedOnce(arrivals, worlds) ? null : "was tried twice at one place";
    }

    /// <summary>The usage that a stream told its client is the record's.</summary>
    private static string? WrongIn(StreamedText read, StormQuestion q, UsageRecord record) =>
        read.Usage is null ? q.Dialect == Dialect.Anthropic || q.AsksUsage ? "tells no usage" : null
        : read.Tokens(q.Dialect == Dialect.Anthropic ? "output_tokens" : "completion_tokens") == record.Tokens.Output ? null
        : $"tells usage {read.Usage}";

    /// <summary>Each place that was reached is in the record, in that order; more may be: those that could not be
    /// reached.</summary>
    private static bool IsWithin(StormArrival[] arrivals, UsageRecord record)
    {
        string[] sites = [.. record.EarlierPlaces.Append(record.Place).Select(p => p.Site)];
        return arrivals.All(a => sites.Contains(a.Place.Name)) && arrivals.Length <= sites.Length;
    }

    /// <summary>No deployment is asked twice; but where a connection was reset nobody knows whether it was asked.
    /// </summary>
    private static bool IsTriedOnce(StormArrival[] arrivals, StormWorld[] worlds) => arrivals.CountBy(a => a.Place).All(
        p => p.Value == 1 || worlds.Any(w => w.FaultOf(p.Key.Name).Kind == StormFaultKind.Killed));

    /// <summary>Whether another's words, or more than one's, are in the answer.</summary>
    private static bool MayDiffer(StormQuestion q, StormArrival[] arrivals, StormWorld[] worlds) =>
        arrivals.Any(a => a.Dialect != q.Dialect || (q.Stream && StormVerdict.Broke(a, worlds)));

    /// <summary>Each prompt was permitted where it was seen, at some moment between its being sent and its being seen.
    /// </summary>
    private void CheckPrompts()
    {
        foreach (StormArrival arrival in _arrivals.SelectMany(a => a))
        {
            (StormQuestion question, int from) = _clients.Asked[arrival.Number];
            if (arrival.Deployment != StormFleet.DeploymentOf(question.Model, arrival.Place.Name)
                || arrival.Tenant != question.Tenant.Id)
            {
                Wrong.Add($"{question} came to {arrival.Deployment} at {arrival.Place.Name}, for {arrival.Tenant}");
            }

            if (!_timeline.Between(from, arrival.World).Any(w => StormFleet.Permits(question, arrival.Place, w)))
            {
                Wrong.Add($"{question} was seen at {arrival.Place.Name}, where it may not be");
            }
        }

        Counts["prompts seen"] = _arrivals.Sum(a => a.Count());
    }

    private void CheckLimits()
    {
        foreach (StormTenant tenant in StormFleet.Tenants)
        {
            UsageRecord[] records = [.. _records.Where(r => r.Tenant == tenant.Id)];
            decimal tokens = records.Sum(r => r.Tokens.Input + r.Tokens.CacheWrite + r.Tokens.Output);
            decimal usd = records.Sum(r => r.CustomerPriceMicros) / 1_000_000m;
            Equal($"{tenant.Id}'s five hours", tokens, _gateway.UsedOf(tenant.Id, "five_hour_window"));
            Equal($"{tenant.Id}'s week", records.Length, _gateway.UsedOf(tenant.Id, "weekly_window"));
            Equal($"{tenant.Id}'s month", usd, _gateway.UsedOf(tenant.Id, "monthly_spend_usd"));
        }

        long[] capped = [.. _records.Where(r => r.Tenant == "capped").Select(r => r.AcceptedUnixMs).Order()];
        if (capped.Length > 0)
        {
            double refilled = StormFleet.CappedRequestsPerMinute * (capped[^1] - capped[0] + 1) / 60_000.0;
            if (capped.Length > StormFleet.CappedRequestsPerMinute + Math.Ceiling(refilled))
            {
                Wrong.Add($"{capped.Length} requests of the capped tenant were accepted in {capped[^1] - capped[0]} ms");
            }
        }
    }

    private async Task CheckSumsAsync()
    {
        IReadOnlyList<UsageRow> rows = await _gateway.Store.Ledger.QueryAsync(
            new UsageQuery(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue, [UsageDimension.Tenant]),
            CancellationToken.None);
        foreach (IGrouping<string, UsageRecord> tenant in _records.GroupBy(r => r.Tenant))
        {
            UsageRow row = rows.Single(r => r.Group[0] == tenant.Key);
            Equal($"{tenant.Key}'s requests", tenant.Count(), row.Requests);
            Equal($"{tenant.Key}'s failures", tenant.Count(r => r.Outcome == UsageOutcome.Failed), row.FailedRequests);
            Equal($"{tenant.Key}'s price", tenant.Sum(r => r.CustomerPriceMicros), row.CustomerPriceMicros);
            Equal($"{tenant.Key}'s cost", tenant.Sum(r => r.ProviderCostMicros), row.ProviderCostMicros);
            TokenUsage sum = tenant.Aggregate(default(TokenUsage), (s, r) => s + r.Tokens);
            if (row.Tokens != sum)
            {
                Wrong.Add($"{tenant.Key}'s tokens: {sum} in records, {row.Tokens} in sums");
            }
        }

        Equal("tenants", _records.Select(r => r.Tenant).Distinct().Count(), rows.Count);
    }

    private async Task CheckAuditAsync()
    {
        ResidencyReport report = ResidencyReport.Of(await _gateway.Store.Places.ReadPlacesAsync(
            new ResidencyQuery(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue), CancellationToken.None));
        Wrong.AddRange(report.Violations.Select(v => $"audit: {v.At} breaks {string.Join(", ", v.Broken)}"));
        Wrong.AddRange(report.Gaps.Select(g => $"audit: nothing is known of {g}"));
        Equal("audited requests", _records.Count, report.Proven + report.Unsent);
        Equal("audited attempts before the last", _records.Sum(r => r.EarlierPlaces.Count), report.EarlierAttempts);
        Counts["attempts before the last"] = (int)report.EarlierAttempts;
        if (!report.Clean)
        {
            Wrong.Add("audit: not clean");
        }
    }

    private void Equal(string what, decimal expected, decimal found)
    {
        if (expected != found)
        {
            Wrong.Add($"{what}: {expected} by the records, {found} found");
        }
    }

    private void Count(string what) => Counts[what] = Counts.GetValueOrDefault(what) + 1;

    private void Add(StormCall call, UsageRecord? record, string what) => Wrong.Add(Story(call, record, what));

    private string Story(StormCall call, UsageRecord? record, string what) =>
        $"{call.Question} (worlds {call.From} to {call.To}) {what}\n    record: {record}\n    seen: " + string.Join(
            "; ", _arrivals[call.Question.Number].Select(a =>
                $"{a.Place.Name} in world {a.World} ({_timeline.Between(a.World, a.World).First().FaultOf(a.Place.Name)}) "
                + $"from {a.From}, {(a.Served ? "served" : a.Begun ? "begun" : "failed")}"));
}

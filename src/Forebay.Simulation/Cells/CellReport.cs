using Forebay.Core.Errors;
using Forebay.Core.Serving.Engine;
using Forebay.Core.Time;

namespace Forebay.Simulation.Cells;

/// <summary>The spread of a time, in milliseconds; percentiles are exact, by nearest rank.</summary>
public sealed record CellSpread(double MeanMs, double P50Ms, double P90Ms, double P99Ms, double MaxMs)
{
    /// <summary>The spread of some times; zeros when there is none.</summary>
    public static CellSpread Of(IEnumerable<double> timesMs)
    {
        double[] sorted = [.. timesMs];
        Array.Sort(sorted);
        return sorted.Length == 0
            ? new CellSpread(0, 0, 0, 0, 0)
            : new CellSpread(sorted.Average(), At(sorted, 0.5), At(sorted, 0.9), At(sorted, 0.99), sorted[^1]);
    }

    private static double At(double[] sorted, double share) =>
        sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Length) - 1)];
}

/// <summary>What one deployment did in a cell.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Site">Where it stands.</param>
/// <param name="Accelerator">On what.</param>
/// <param name="Requests">Requests it served.</param>
/// <param name="InputTokens">Prompt tokens of these.</param>
/// <param name="OutputTokens">Their answers.</param>
/// <param name="CachedShare">Share of the prompt tokens read from its caches.</param>
/// <param name="Preemptions">Times a request lost its memory.</param>
/// <param name="TimeToFirstToken">Of the requests it served.</param>
public sealed record CellDeploymentReport(
    string Id,
    string Site,
    string Accelerator,
    int Requests,
    long InputTokens,
    long OutputTokens,
    double CachedShare,
    long Preemptions,
    CellSpread TimeToFirstToken);

/// <summary>When an answer counts as good.</summary>
/// <param name="TimeToFirstTokenMs">Its first token comes within this.</param>
/// <param name="TimePerOutputTokenMs">And the others, in the mean, at most this far apart.</param>
public sealed record CellObjective(double TimeToFirstTokenMs, double TimePerOutputTokenMs);

/// <summary>The figures of one cell. Times are virtual and as the gateway sees them: queue, link and engine.</summary>
public sealed record CellReport
{
    public required int Requests { get; init; }

    public required int Served { get; init; }

    /// <summary>Requests refused, by reason.</summary>
    public required IReadOnlyDictionary<string, int> Refused { get; init; }

    /// <summary>From the first arrival to the last token.</summary>
    public required double Seconds { get; init; }

    public required CellSpread TimeToFirstToken { get; init; }

    public required CellSpread TimePerOutputToken { get; init; }

    /// <summary>Time before a place was taken; part of the time to first token.</summary>
    public required CellSpread Queued { get; init; }

    public required double OutputTokensPerSecond { get; init; }

    public required CellObjective Objective { get; init; }

    /// <summary>Requests a second that met the objective.</summary>
    public required double GoodRequestsPerSecond { get; init; }

    /// <summary>Share of all requests that met it.</summary>
    public required double GoodShare { get; init; }

    /// <summary>Share of the served prompts' tokens that were read from an engine's cache.</summary>
    public required double PrefixHitShare { get; init; }

    /// <summary>Standard deviation over mean of the tokens that deployments of one kind of engine served, the largest
    /// over the kinds: 0 is even.</summary>
    public required double Imbalance { get; init; }

    public required IReadOnlyList<CellDeploymentReport> Deployments { get; init; }

    public required string Digest { get; init; }

    public required long Events { get; init; }

    /// <summary>Adds a run up.</summary>
    public static CellReport Of(CellSpec spec, CellTally tally, CellEnd end, CellObjective objective)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(tally);
        ArgumentNullException.ThrowIfNull(end);
        ArgumentNullException.ThrowIfNull(objective);
        (CellTimes Times, CellRequest Request)[] served =
        [
            .. tally.Times.Select((t, i) => (Times: t, spec.Arrivals[i].Request))
                .Where(s => s.Times.Refused == Reason.None),
        ];
        double seconds = served.Length == 0
            ? 0
            : (served.Max(s => s.Times.FinishedNs) - spec.Arrivals[0].AtNs) / (double)Instant.NsPerSecond;
        int good = served.Count(s => s.Times.TimeToFirstTokenMs <= objective.TimeToFirstTokenMs
            && (s.Times.OutputTokens < 2 || s.Times.TimePerOutputTokenMs <= objective.TimePerOutputTokenMs));
        CellDeploymentReport[] deployments =
            [.. spec.Fleet.Deployments.Select((d, i) => DeploymentOf(d, i, served, end.Engines[i]))];
        return new CellReport
        {
            Requests = spec.Arrivals.Length,
            Served = served.Length,
            Refused = tally.Times.Where(t => t.Refused != Reason.None)
                .CountBy(t => ReasonTable.LabelOf(t.Refused)).OrderBy(r => r.Key, StringComparer.Ordinal).ToDictionary(),
            Seconds = seconds,
            TimeToFirstToken = CellSpread.Of(served.Select(s => s.Times.TimeToFirstTokenMs)),
            TimePerOutputToken = CellSpread.Of(
                served.Where(s => s.Times.OutputTokens > 1).Select(s => s.Times.TimePerOutputTokenMs)),
            Queued = CellSpread.Of(served.Select(s => s.Times.QueuedMs)),
            OutputTokensPerSecond = seconds > 0 ? served.Sum(s => (double)s.Times.OutputTokens) / seconds : 0,
            Objective = objective,
            GoodRequestsPerSecond = seconds > 0 ? good / seconds : 0,
            GoodShare = (double)good / spec.Arrivals.Length,
            PrefixHitShare = CachedShare(served),
            Imbalance = deployments.GroupBy(d => d.Accelerator).Max(Spread),
            Deployments = deployments,
            Digest = end.Digest.ToString("x16"),
            Events = end.Events,
        };
    }

    private static CellDeploymentReport DeploymentOf(
        DeploymentSpec deployment, int index, (CellTimes Times, CellRequest Request)[] all, EngineCounters[] engines)
    {
        (CellTimes Times, CellRequest Request)[] served = [.. all.Where(s => s.Times.Deployment == index)];
        return new CellDeploymentReport(
            deployment.Deployment.Id,
            deployment.Deployment.Site.Id,
            $"{deployment.Deployment.Config.AcceleratorsPerReplica} x "
                + deployment.Deployment.Pool.Accelerators!.Type,
            served.Length,
            served.Sum(s => (long)s.Request.InputTokens),
            served.Sum(s => (long)s.Times.OutputTokens),
            CachedShare(served),
            engines.Sum(e => e.Preemptions),
            CellSpread.Of(served.Select(s => s.Times.TimeToFirstTokenMs)));
    }

    private static double CachedShare((CellTimes Times, CellRequest Request)[] served)
    {
        double prompt = served.Sum(s => (double)s.Request.InputTokens);
        return prompt > 0 ? served.Sum(s => (double)s.Times.CachedTokens) / prompt : 0;
    }

    private static double Spread(IEnumerable<CellDeploymentReport> deployments)
    {
        double[] tokens = [.. deployments.Select(d => (double)d.InputTokens + d.OutputTokens)];
        double mean = tokens.Average();
        return mean > 0 ? Math.Sqrt(tokens.Average(t => (t - mean) * (t - mean))) / mean : 0;
    }
}

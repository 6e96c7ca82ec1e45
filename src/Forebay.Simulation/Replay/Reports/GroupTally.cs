namespace Forebay.Simulation.Replay.Reports;

/// <summary>Figures over some of a run's requests. Tokens and times are those of requests that succeeded.</summary>
internal sealed class GroupTally
{
    public long Succeeded { get; private set; }

    public long Failed { get; private set; }

    public long Interrupted { get; private set; }

    public long InputTokens { get; private set; }

    public long CachedInputTokens { get; private set; }

    public long OutputTokens { get; private set; }

    public long AskedInputTokens { get; private set; }

    public long AskedOutputTokens { get; private set; }

    public LatencyHistogram TimeToFirstToken { get; } = new();

    public LatencyHistogram TimePerOutputToken { get; } = new();

    public LatencyHistogram Total { get; } = new();

    public void Add(ReplayOutcome outcome)
    {
        switch (outcome.End)
        {
            case ReplayEnd.Failed:
                Failed++;
                return;
            case ReplayEnd.Interrupted:
                Interrupted++;
                return;
        }

        Succeeded++;
        InputTokens += outcome.InputTokens;
        CachedInputTokens += outcome.CachedInputTokens;
        OutputTokens += outcome.OutputTokens;
        AskedInputTokens += outcome.AskedInputTokens;
        AskedOutputTokens += outcome.AskedOutputTokens;
        Total.Record(outcome.TotalMs);
        if (outcome.TimeToFirstTokenMs is { } first)
        {
            TimeToFirstToken.Record(first);
        }

        if (outcome.TimePerOutputTokenMs is { } each)
        {
            TimePerOutputToken.Record(each);
        }
    }

    public GroupReport ToReport(string name, double seconds) => new(
        name,
        Succeeded + Failed + Interrupted,
        Succeeded,
        Failed,
        InputTokens,
        CachedInputTokens,
        OutputTokens,
        OutputTokens / seconds,
        Percentiles.Of(TimeToFirstToken),
        Percentiles.Of(TimePerOutputToken),
        Percentiles.Of(Total));
}

using Forebay.Control.Admin.Contract;
using Forebay.Core.Execution;
using Forebay.Executors.Local;

namespace Forebay.Demo;

/// <summary>What is lost, and what is counted at the end.</summary>
internal sealed partial class ColossusDemo
{
    private async Task LoseProviderAsync(CancellationToken cancel)
    {
        // Most of what AWS can hold, if that comes soon; else whatever it holds.
        int busy = 0;
        bool IsBusy(int least) => (busy = _server.State.InFlightAt("atlas-aws")) >= least;
        if (!await UntilAsync(() => IsBusy(4), cancel, TimeSpan.FromSeconds(5)))
        {
            await UntilAsync(() => IsBusy(1), cancel, TimeSpan.FromSeconds(20));
        }

        TimeSpan at = _load.Now;
        int process = await _engines.LoseAwsAsync();
        lines.Say($"AWS is lost: its engines (process {process}) are killed with {busy} requests in flight.");
        DemoPart part = await LookAsync("after the loss", TimeSpan.FromSeconds(10), cancel);
        DemoSample[] caught =
        [
            .. _load.Samples.Where(s => s.Deployment == "atlas-aws" && s.Began <= at && s.At > at),
        ];
        Check("requests that the loss caught were answered all the same",
            caught.All(s => s.Ended == DemoEnd.Right) && part.Figures.Answered > 0,
            $"{busy} in flight, {caught.Length} of them had begun to answer and went on elsewhere");
    }

    private async Task SatelliteAsync(CancellationToken cancel)
    {
        bool Served(TimeSpan from) => _load.Samples.Any(
            s => s.Deployment == "atlas-borealis" && s.Ended == DemoEnd.Right && s.Began >= from);
        TimeSpan start = _load.Now;

        // A whole pass, the outage after it, and the pass after that, from wherever the schedule stands now.
        await UntilAsync(() => _relay.Now.Available, cancel);
        bool during = await UntilAsync(() => Served(start) || !_relay.Now.Available, cancel) && Served(start);
        lines.Say("The satellite pass over Borealis carries requests; it ends by its schedule.");
        await UntilAsync(() => !_relay.Now.Available, cancel);
        TimeSpan down = _load.Now;
        lines.Say("Out of sight: Borealis cannot be reached.");
        await UntilAsync(() => _relay.Now.Available, cancel);
        TimeSpan up = _load.Now;
        lines.Say("The next pass begins.");
        bool after = await UntilAsync(() => Served(up), cancel);
        DemoSample[] begun = [.. _load.Samples.Where(s => s.Ended == DemoEnd.Right && s.Began >= down && s.At <= up)];
        DemoSample[] own = [.. _load.Samples.Where(s => s.Deployment == "atlas-borealis")];
        int meanwhile = begun.Count(s => s.Deployment == "atlas-borealis");
        Check("Borealis serves in a pass and again in the next", during && after,
            $"{own.Count(s => s.Began < down)} answers before the outage, {own.Count(s => s.Began >= up)} after it");
        Check("nothing is sent to Borealis while it is out of sight", meanwhile == 0 && begun.Length > 0,
            $"{meanwhile} of {begun.Length} answers in {(up - down).TotalSeconds:0} s; {_relay.Cut} connections were "
            + "cut over all passes");
    }

    private async Task<DemoReport> SettleAsync(CancellationToken cancel)
    {
        await _load.StopAsync();
        DemoSample[] samples = [.. _load.Samples];
        DemoSample[] bad = [.. samples.Where(s => s.Ended is DemoEnd.Failed or DemoEnd.Wrong)];
        int right = samples.Length - bad.Length - samples.Count(s => s.Ended == DemoEnd.Limited);
        Check("no request failed, no answer was wrong", bad.Length == 0,
            bad.Length == 0
                ? $"{right:N0} answers, each as an engine outside the fleet gives it"
                : $"{bad.Length} of {right + bad.Length}: {bad[0].Deployment} {bad[0].Ended}: {bad[0].Detail}");
        long lost = await CompareUsageAsync(samples, cancel);
        string from = Uri.EscapeDataString(_began.AddMinutes(-1).ToString("O"));
        string to = Uri.EscapeDataString(time.GetUtcNow().AddMinutes(1).ToString("O"));
        ResidencyView residency = await _admin.ResidencyAsync($"from={from}&to={to}", cancel);
        Check("every request went where it may", residency is { Clean: true, Violating: 0, Unproven: 0 },
            $"{residency.Proven:N0} proven from the ledger, {residency.Violating} violations");
        return new DemoReport(
            _checks.TrueForAll(c => c.Holds),
            (time.GetUtcNow() - _began).TotalSeconds,
            right,
            bad.Length,
            lost,
            residency.Violating,
            _parts,
            _checks);
    }

    /// <summary>What clients counted beside what the ledger did, by tenant: requests and tokens.</summary>
    private async Task<long> CompareUsageAsync(DemoSample[] samples, CancellationToken cancel)
    {
        string from = Uri.EscapeDataString(_began.AddMinutes(-1).ToString("O"));
        string to = Uri.EscapeDataString(time.GetUtcNow().AddMinutes(1).ToString("O"));
        UsageView usage = await _admin.UsageAsync($"group_by=tenant&from={from}&to={to}", cancel);
        var metered = usage.Rows.ToDictionary(r => r.Group["tenant"], r => (r.Requests, r.OutputTokens));
        long lost = 0;
        foreach ((string tenant, _) in Customers)
        {
            DemoSample[] own = [.. samples.Where(s => s.Tenant == tenant && s.Ended != DemoEnd.Limited)];
            (long requests, long tokens) = metered.GetValueOrDefault(tenant);
            lost += Math.Abs(requests - own.Length) + (tokens == own.Sum(s => (long)s.Tokens) ? 0 : 1);
        }

        Check("each request is metered exactly once", lost == 0,
            $"{metered.Values.Sum(m => m.Requests):N0} requests and {metered.Values.Sum(m => m.OutputTokens):N0} "
            + $"output tokens in the ledger, {samples.Count(s => s.Ended != DemoEnd.Limited):N0} and "
            + $"{samples.Sum(s => (long)s.Tokens):N0} at the clients");
        return lost;
    }

    private async Task<DemoPart> LookAsync(string name, TimeSpan usual, CancellationToken cancel)
    {
        TimeSpan from = _load.Now;
        int answered = _load.Samples.Count(s => s.Ended == DemoEnd.Right);
        await Task.Delay(usual * options.Stretch, time, cancel);

        // A slow machine answers less in that time; figures of a few answers say nothing.
        await UntilAsync(() => _load.Samples.Count(s => s.Ended == DemoEnd.Right) >= answered + 30, cancel);
        TimeSpan to = _load.Now;
        var figures = DemoFigures.Of(_load.Samples, from, to);
        ReplicaListView replicas = await _admin.ReplicasAsync(null, null, cancel);
        var part = new DemoPart(
            name,
            (to - from).TotalSeconds,
            figures,
            _queue.Mean(usual * options.Stretch),
            _load.LimitOf(Metered),
            DemoFigures.Of(_load.Samples.Where(s => s.Tenant == Metered), from, to).TokensPerSecond,
            replicas.Replicas.Count(r => r.Phase == "ready"));
        _parts.Add(part);
        lines.Say($"{name}: TTFT p95 {figures.FirstTokenP95Ms:0} ms, {figures.TokensPerSecond:0} tokens/s, "
            + $"{part.Waiting:0.0} wait, {figures.Limited} times over its limit (429).");
        return part;
    }

    private void Check(string name, bool holds, string detail)
    {
        _checks.Add(new DemoCheck(name, holds, detail));
        if (!holds)
        {
            lines.Say($"FAILED: {name}: {detail}");
        }
    }

    private Task<bool> UntilAsync(Func<bool> holds, CancellationToken cancel, TimeSpan? patience = null) =>
        UntilAsync(() => Task.FromResult(holds()), cancel, patience);

    private async Task<bool> UntilAsync(
        Func<Task<bool>> holds, CancellationToken cancel, TimeSpan? patience = null)
    {
        DateTimeOffset deadline = time.GetUtcNow() + (patience ?? Patience);
        while (!await holds())
        {
            if (time.GetUtcNow() > deadline)
            {
                return false;
            }

            await Task.Delay(Beat, time, cancel);
        }

        return true;
    }

    /// <summary>Engines of replicas outlive their server, on purpose; these must not.</summary>
    private async Task EndReplicasAsync()
    {
        using var executor = new LocalProcessExecutor(
            new LocalProcessOptions { Folder = Path.Combine(DataFolder, "work") }, time);
        IReadOnlyList<WorkObservation> work = await executor.ListAsync(CancellationToken.None);
        await Task.WhenAll(work.Select(w => executor.StopAsync(
            w.Id, w.Generation, TimeSpan.FromSeconds(5), CancellationToken.None)));
        await UntilAsync(
            async () => (await executor.ListAsync(CancellationToken.None)).All(w => w.State == WorkState.Exited),
            CancellationToken.None);
    }

    private static string Words(ProposedLimitsView proposal) => string.Join(
        ", ", proposal.Multipliers.Where(m => m.Multiplier > 1).Select(m => $"tier {m.Tier} x{m.Multiplier:0.##}")
            .DefaultIfEmpty("nothing"));
}

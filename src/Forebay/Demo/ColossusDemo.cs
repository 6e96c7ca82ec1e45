using Forebay.Commands.Connection;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Serving.Links;
using Forebay.Serve;
using Microsoft.Extensions.Logging;

namespace Forebay.Demo;

/// <summary>How the demonstration is to run.</summary>
/// <param name="Folder">An empty folder for everything that it keeps.</param>
/// <param name="Stretch">How many times as long as usual each part is looked at.</param>
public sealed record ColossusOptions(string Folder, double Stretch);

/// <summary>
/// A provider comes in and another is lost, on a real server under real load. Everything is done through the admin API
/// and the port for clients, as an operator and customers would; each part waits for what it shows, up to a deadline,
/// and what does not come is a check that fails.
/// </summary>
internal sealed partial class ColossusDemo(
    ColossusOptions options, DemoLines lines, TimeProvider time, ILoggerFactory logs) : IAsyncDisposable
{
    /// <summary>Seconds of a contract in a real one: two days.</summary>
    public const double ContractSecondsPerSecond = 2 * 86_400;

    private const string Anyone = "orchard";
    private const string EuOnly = "lumiere";
    private const string Metered = "basil";
    private const int AnswerTokens = 48;

    private static readonly (string Tenant, int Clients)[] Customers = [(Anyone, 24), (EuOnly, 8), (Metered, 6)];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(100);
    private static readonly DateTimeOffset ContractStart = new(2026, 4, 6, 12, 0, 0, TimeSpan.Zero);

    private readonly List<DemoCheck> _checks = [];
    private readonly List<DemoPart> _parts = [];
    private string DataFolder => Path.Combine(options.Folder, "data");

    private readonly DateTimeOffset _began = time.GetUtcNow();
    private CompressedTime _contract = null!;
    private ColossusEngines _engines = null!;
    private DemoDepot _depot = null!;
    private SatelliteRelay _relay = null!;
    private ForebayServer _server = null!;
    private AdminClient _admin = null!;
    private DemoLoad _load = null!;
    private QueueSamples _queue = null!;

    public async Task<DemoReport> RunAsync(CancellationToken cancel)
    {
        await StartAsync(cancel);
        await ShowLoadAsync(cancel);
        await OnboardAsync(cancel);
        await RampAsync(cancel);
        await RaiseLimitsAsync(cancel);
        await LoseProviderAsync(cancel);
        await SatelliteAsync(cancel);
        return await SettleAsync(cancel);
    }

    public async ValueTask DisposeAsync()
    {
        if (_load is not null)
        {
            await _load.DisposeAsync();
        }

        if (_queue is not null)
        {
            await _queue.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.StopAsync(CancellationToken.None);
            await _server.DisposeAsync();
            await EndReplicasAsync();
        }

        _admin?.Dispose();
        foreach (IAsyncDisposable? part in (IAsyncDisposable?[])[_relay, _depot, _engines])
        {
            if (part is not null)
            {
                await part.DisposeAsync();
            }
        }
    }

    private async Task StartAsync(CancellationToken cancel)
    {
        lines.Say("Emulated engines start: AWS (Trainium3), Google (TPU-v5p), Borealis (H100, behind satellites).");
        _depot = await DemoDepot.StartAsync(options.Folder, cancel);
        _engines = await ColossusEngines.StartAsync(time, cancel);
        _relay = new SatelliteRelay(_engines.Borealis, time);
        string file = Path.Combine(options.Folder, "fleet.yaml");
        await File.WriteAllTextAsync(
            file, ColossusFiles.Fleet(_engines, _depot, _relay, time.GetUtcNow()), cancel);
        _relay.Schedule = LinkSchedule.Compile(
            FleetSource.Reader.ReadFile(file).Config?.Sites.First(s => s.Id == "borealis-north").Link);
        _contract = new CompressedTime(ContractSecondsPerSecond, time, ContractStart);
        var settings = new ServeSettings
        {
            FleetFile = file,
            DataDirectory = DataFolder,
            Port = 0,
            AdminPort = 0,
            DrainSeconds = 5,
            ContractTime = _contract,
        };
        _server = await ForebayServer.StartAsync(settings, time, logs, cancel);
        _admin = new AdminClient(new AdminEndpoint(_server.AdminUrl, _server.AdminToken, null));
        _queue = new QueueSamples(() => _server.State.Waiting, time);
        _load = new DemoLoad(_server.BaseUrl, _engines.Reference, ColossusEngines.Model, time);
        lines.Say($"Forebay serves at {_server.BaseUrl}; contracts run at 1 s = 2 days, all else in real time.");
    }

    private async Task ShowLoadAsync(CancellationToken cancel)
    {
        foreach ((string tenant, int clients) in Customers)
        {
            var body = new CreateKeyBody(tenant, "demo", null, null);
            string key = (await _admin.CreateKeyAsync(body, cancel)).Secret;
            _load.Start(new DemoClients(tenant, key, clients, AnswerTokens));
        }

        lines.Say($"{Customers.Sum(c => c.Clients)} clients of 3 tenants ask on and on; there are 16 places.");
        await UntilHeldAsync(TimeSpan.Zero, cancel);
        DemoPart before = await LookAsync("before", TimeSpan.FromSeconds(12), cancel);
        Check("load queues before", before.Waiting >= 1 && before.Figures.Answered > 0,
            $"{before.Waiting:0.0} wait on average, TTFT p95 {before.Figures.FirstTokenP95Ms:0} ms");
        LimitsFollowingView none = await _admin.ProposeLimitsAsync(cancel);
        Check("no limit rises before capacity is there", none.Proposal is null,
            none.Proposal is null ? "nothing is proposed" : Words(none.Proposal));
    }

    private async Task OnboardAsync(CancellationToken cancel)
    {
        lines.Say($"forebay provider onboard: Colossus 1 at 1:10,000, offered on {_contract.GetUtcNow():d MMMM yyyy}.");
        string offer = ColossusFiles.Offer(_engines, _depot, _contract.GetUtcNow());
        await File.WriteAllTextAsync(Path.Combine(options.Folder, "colossus-1.yaml"), offer, cancel);
        OnboardView view = await _admin.OnboardAsync(new OnboardBody(offer, "colossus-1.yaml", null), cancel);
        if (view.Partner is null)
        {
            string said = string.Join("; ", view.Problems.Select(p => $"{p.Path}: {p.Message}"));
            throw new CommandException($"The offer is not taken: {said}");
        }

        await _admin.SignPartnerAsync("colossus-1", new SignBody("demonstration"), cancel);
        await _admin.StepPartnerAsync("colossus-1", "connect", cancel);
        lines.Say("Signed and connected; the acceptance sends real completions to what was offered.");
        PartnerView partner = await _admin.StepPartnerAsync("colossus-1", "accept", cancel);
        foreach (AcceptanceView a in partner.Acceptances)
        {
            lines.Say($"  {a.Pool}: {a.Verdict}, {a.Requests - a.Failed} of {a.Requests} answered, "
                + $"{a.OutputTokensPerSecond:0} tokens/s, TTFT p95 {a.TimeToFirstTokenP95Ms:0} ms; "
                + $"{a.Accelerators} accelerators counted.");
        }

        Check("the acceptance measured what was promised",
            partner.Acceptances.Count == 2 && partner.Acceptances.All(a => a.Verdict == "passed"),
            string.Join(", ", partner.Acceptances.Select(a => $"{a.Pool} {a.Verdict}")));
    }

    private async Task RampAsync(CancellationToken cancel)
    {
        int ready = 0;
        long available = 0;
        bool grew = false;
        int most = 0;
        DateTimeOffset deadline = time.GetUtcNow() + Patience;
        bool settled = false;
        while (time.GetUtcNow() < deadline && !settled)
        {
            CapacityView capacity = await _admin.CapacityAsync("", cancel);
            long now = capacity.Lanes.Where(l => l.Owner == "partner/colossus-1").Sum(l => l.Available);
            ReplicaListView replicas = await _admin.ReplicasAsync(null, null, cancel);
            int nowReady = replicas.Replicas.Count(r => r.Phase == "ready");
            if (now != available)
            {
                lines.Say($"{capacity.At:d MMMM}: {now} of 7 accelerators of Colossus 1 are there.");
                grew |= available > 0 && now > available;
                available = now;
            }

            if (nowReady > most)
            {
                most = nowReady;
                lines.Say($"Replicas ready: {nowReady}; weights fetched ({_depot.SentBytes >> 20} MiB sent), engine "
                    + "started, warmed up.");
            }

            ready = nowReady;
            settled = available == 7 && ready >= 4
                && replicas.Replicas.All(r => r.Phase is "ready" or "stopped" or "draining");
            await Task.Delay(Beat, time, cancel);
        }

        Check("capacity ramps as contracted", grew && available == 7, $"{available} accelerators at its end");
        Check("replicas come without an edit to any deployment", ready >= 4, $"{ready} ready on Colossus 1");
    }

    private async Task RaiseLimitsAsync(CancellationToken cancel)
    {
        long? before = _load.LimitOf(Metered);
        LimitsFollowingView seen = await _admin.ProposeLimitsAsync(cancel);
        DateTimeOffset deadline = time.GetUtcNow() + Patience;
        while (seen.Proposal is null && time.GetUtcNow() < deadline)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), time, cancel);
            seen = await _admin.ProposeLimitsAsync(cancel);
        }

        foreach (string line in seen.Arithmetic.Where(IsKey))
        {
            lines.Say($"  {line.Trim()}");
        }

        if (seen is { Proposal: { } proposal, ProposalId: { } id })
        {
            lines.Say($"forebay limits apply {id}: {Words(proposal)}.");
            await _admin.ApplyLimitsAsync(id, cancel);
            TimeSpan applied = _load.Now;
            await UntilAsync(() => _load.LimitOf(Metered) > before, cancel);
            await UntilHeldAsync(applied, cancel);
        }

        DemoPart part = await LookAsync("Colossus 1", TimeSpan.FromSeconds(12), cancel);
        Check("the limit of the metered tenant rises", part.LimitTokensPerMinute > before,
            $"{before:N0} to {part.LimitTokensPerMinute:N0} output tokens/min in its answers' headers");
        Check("the metered tenant gets more", part.MeteredTokensPerSecond > _parts[0].MeteredTokensPerSecond,
            $"{_parts[0].MeteredTokensPerSecond:0.0} to {part.MeteredTokensPerSecond:0.0} tokens/s");
        Check("TTFT p95 falls", part.Figures.FirstTokenP95Ms < _parts[0].Figures.FirstTokenP95Ms,
            $"{_parts[0].Figures.FirstTokenP95Ms:0} to {part.Figures.FirstTokenP95Ms:0} ms");
    }

    /// <summary>Until the metered tenant has used up what it had saved and is held to its rate.</summary>
    private Task<bool> UntilHeldAsync(TimeSpan since, CancellationToken cancel) => UntilAsync(
        () => _load.Samples.Count(s => s.Ended == DemoEnd.Limited && s.At >= since) >= 12,
        cancel,
        TimeSpan.FromSeconds(40));

    private static bool IsKey(string line) => line.TrimStart() is { } text
        && (text.StartsWith("total", StringComparison.Ordinal) || text.StartsWith("usable", StringComparison.Ordinal)
            || text.StartsWith("headroom", StringComparison.Ordinal)
            || text.StartsWith("demand", StringComparison.Ordinal));
}

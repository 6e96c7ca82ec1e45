using System.Collections.Frozen;
using System.Diagnostics.Metrics;
using System.Net;
using Forebay.Control.FleetFile;
using Forebay.Core.Access;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Forebay.Gateway;
using Forebay.Gateway.Upstreams;
using Forebay.Storage;
using Forebay.Storage.Data;
using Forebay.TestKit;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Forebay.FunctionalTests.Storm;

/// <summary>A real gateway over the real store, as the executable puts them together, with everything in reach.</summary>
internal sealed class StormGateway : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Lock _masks = new();
    private readonly MeterListener _meters = new();
    private readonly UpstreamSet _upstreams = new(reference => "secret-of-" + reference);
    private readonly DataDirectory _data;
    private GatewayServer? _server;
    private LocalStore? _store;
    private long _retriesRefused;

    private StormGateway() => _data = DataDirectory.Open(_folder.File("data"));

    public FleetState State { get; } = new();

    public LocalStore Store => _store!;

    public Uri Address => _server!.Address;

    /// <summary>Retries that the budget did not allow, of this and of any other gateway with such models.</summary>
    public long RetriesRefused => Interlocked.Read(ref _retriesRefused);

    public static async Task<StormGateway> StartAsync(string yaml, ILoggerFactory loggers)
    {
        var gateway = new StormGateway();
        gateway._meters.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Name == "forebay.gateway.retries.refused")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        gateway._meters.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                if (tag.Key == "model" && StormFleet.Models.Contains(tag.Value as string))
                {
                    Interlocked.Add(ref gateway._retriesRefused, count);
                }
            }
        });
        gateway._meters.Start();
        gateway._store = await LocalStore.OpenAsync(
            gateway._data, TimeProvider.System, loggers.CreateLogger("Forebay.Storage"));
        gateway.State.Keys = new KeyRing(StormFleet.Tenants.Select(t => t.Key));
        gateway.Reload(yaml);
        gateway._server = await GatewayServer.StartAsync(
            new GatewayParts(
                gateway.State, gateway._store.Journal, gateway._upstreams, new IPEndPoint(IPAddress.Loopback, 0), null,
                TimeProvider.System, loggers),
            CancellationToken.None);
        return gateway;
    }

    /// <summary>Takes over a fleet file, which must be right.</summary>
    public void Reload(string yaml)
    {
        FleetFileResult read = new FleetFileReader(FrozenSet<string>.Empty).Read(yaml, "storm.yaml");
        Assert.True(read.Config is not null, string.Join("\n", read.Problems) + "\n" + yaml);
        var next = FleetModel.Build(read.Config, FrozenDictionary<string, Uri>.Empty);
        Assert.Empty(_upstreams.Update(next, () => State.Model = next));
        State.WakeWaiters();
    }

    /// <summary>Puts an export mask in force, as the admin API does.</summary>
    public void Deny(string model, StormMask mask)
    {
        lock (_masks)
        {
            State.Exports = State.Exports.With(new ExportDenials(
                model, State.Exports.Version + 1, 0, "storm", mask.Everywhere, [.. mask.Jurisdictions], [],
                mask.Orbit ? [SiteKind.Orbital] : []));
        }

        State.WakeWaiters();
    }

    /// <summary>Puts in force what is in force: whatever is under way finds that something changed, and that nothing
    /// did.</summary>
    public void Renew()
    {
        lock (_masks)
        {
            State.Exports = new ExportMasks(State.Exports.All);
        }

        State.WakeWaiters();
    }

    /// <summary>What is still taken of all that requests take.</summary>
    public string Held()
    {
        IEnumerable<string> held =
        [
            Held("requests in flight", _server!.InFlight),
            Held("bytes", _server.MemoryUsedBytes),
            Held("requests waiting", State.Waiting),
            .. State.Model.Deployments.SelectMany<Deployment, string>(d =>
            [
                Held($"places at {d.Id}", State.Of(d).InFlight),
                Held($"trials at {d.Id}", State.Of(d).Breaker.Trials),
                Held($"tokens queued at {d.Id}", State.LoadOf(d).QueuedTokens),
                Held($"prompts awaited at {d.Id}", State.LoadOf(d).Waiting),
            ]),
        ];
        return string.Join(", ", held.Where(h => h.Length > 0));
    }

    /// <summary>What a tenant has used of a limit, reservations included.</summary>
    public decimal UsedOf(string tenant, string limit)
    {
        Tenant of = State.Model.FindTenant(tenant)!;
        return State.LimitsOf(of).Report(of.Limits, Instant.From(TimeProvider.System))
            .Limits.Single(l => l.Name == limit && l.ModelClass is null).Used;
    }

    /// <summary>Every settled request, straight from the journal.</summary>
    public async Task<IReadOnlyList<UsageRecord>> RecordsAsync()
    {
        var records = new List<UsageRecord>();
        await foreach (UsageRecord record in Store.ReadRequestsAsync(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue))
        {
            records.Add(record);
        }

        return records;
    }

    public async ValueTask DisposeAsync()
    {
        await _server!.StopAsync(TimeSpan.Zero, CancellationToken.None);
        await _server.DisposeAsync();
        _upstreams.Dispose();
        await _store!.DisposeAsync();
        _data.Dispose();
        _meters.Dispose();
        _folder.Dispose();
    }

    private static string Held(string what, long count) => count == 0 ? "" : $"{count} {what}";
}

using Forebay.Simulation.Replay;
using Forebay.Simulation.Replay.Reports;
using Forebay.Simulation.Traces;

namespace Forebay.FunctionalTests.Placement;

/// <summary>
/// A published trace, shared out over tenants request by request and replayed open loop, each tenant with a client and a
/// report of its own, until it is told to stop; what was sent is then waited for.
/// </summary>
internal sealed class ReplayedLoad : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private readonly Dictionary<string, ReplayRun> _runs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Task<ReplayReport>> _running = new(StringComparer.Ordinal);
    private volatile bool _stop;

    public ReplayedLoad(Uri server, IReadOnlyList<(string Tenant, string Key)> tenants, string trace, double speed)
    {
        TraceRequest[] requests = Read(trace);
        for (int i = 0; i < tenants.Count; i++)
        {
            (string tenant, string key) = tenants[i];
            int mine = i;
            TraceRequest[] own = [.. requests.Where((_, at) => at % tenants.Count == mine)];
            var run = new ReplayRun(
                new ReplayOptions
                {
                    BaseUrl = server,
                    ApiKey = key,

                    // What the fleet's model can go on with: an assistant message that stands last.
                    Dialect = ReplayDialect.Anthropic,
                    Models = ModelMix.Even([JourneyFleet.Model]),
                    Speed = speed,
                    Seed = (ulong)i + 1,
                    RunId = (ulong)i + 1,
                    RequestTimeout = TimeSpan.FromMinutes(1),
                },
                _http,
                TimeProvider.System);
            _runs.Add(tenant, run);
            _running.Add(tenant, run.ExecuteAsync(
                own.TakeWhile(_ => !_stop), TraceSummary.Of(Path.GetFileName(trace), own),
                new ReplayOrigin("test", "test", []), CancellationToken.None));
        }
    }

    /// <summary>Whole answers so far, of all tenants.</summary>
    public long Succeeded => _runs.Values.Sum(r => r.Progress.Succeeded);

    /// <summary>Failed requests so far, of all tenants.</summary>
    public long Failed => _runs.Values.Sum(r => r.Progress.Failed);

    /// <summary>Sends nothing more, waits for what is under way, and says what came of it, by tenant.</summary>
    public async Task<IReadOnlyDictionary<string, ReplayReport>> StopAsync()
    {
        _stop = true;
        await Server.Eventually.Within(Task.WhenAll(_running.Values));
        return _running.ToDictionary(r => r.Key, r => r.Value.Result, StringComparer.Ordinal);
    }

    public void Dispose() => _http.Dispose();

    private static TraceRequest[] Read(string trace)
    {
        using StreamReader reader = File.OpenText(trace);
        return [.. TraceReader.Read(reader, trace)];
    }
}

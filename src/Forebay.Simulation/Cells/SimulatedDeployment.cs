using Forebay.Core.Fleet;
using Forebay.Core.Serving.Engine;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Links;
using Forebay.Core.Time;
using Forebay.Simulation.Events;

namespace Forebay.Simulation.Cells;

/// <summary>
/// A deployment behind its site's link: requests reach it after half the round trip and the time their bytes take, and
/// go to the replica with the fewest, the first among equals, as the emulator's do; tokens come back after the other
/// half.
/// </summary>
internal sealed class SimulatedDeployment : IEventTarget
{
    private readonly EventLoop _loop;
    private readonly SimulatedGateway _gateway;
    private readonly SimulatedReplica[] _replicas;
    private readonly LinkSchedule _link;
    private readonly SiteState _site;

    public SimulatedDeployment(DeploymentSpec spec, EventLoop loop, SimulatedGateway gateway, FleetState state)
    {
        _loop = loop;
        _gateway = gateway;
        _link = spec.Deployment.Link;
        _site = state.SiteOf(spec.Deployment.Site);
        _replicas = new SimulatedReplica[spec.Replicas];
        for (int i = 0; i < _replicas.Length; i++)
        {
            _replicas[i] = new SimulatedReplica(spec.Engine, loop, Happened);
        }
    }

    public IEnumerable<EngineModel> Engines => _replicas.Select(r => r.Engine);

    /// <summary>Size of a request on the wire: its text and little else.</summary>
    public static long BodyBytes(CellRequest request) => (long)request.InputTokens * EngineTokenizer.BytesPerToken;

    /// <summary>Leading blocks of a prompt in the cache of the replica that holds most of it.</summary>
    public int CachedBlocks(ReadOnlySpan<ulong> prefixHashes)
    {
        int most = 0;
        foreach (SimulatedReplica replica in _replicas)
        {
            most = Math.Max(most, replica.Engine.CachedBlocks(prefixHashes));
        }

        return most;
    }

    /// <summary>What its engines would say of themselves on their metrics pages.</summary>
    public EngineReport Report(Instant now)
    {
        int running = 0;
        int waiting = 0;
        long used = 0;
        long total = 0;
        foreach (SimulatedReplica replica in _replicas)
        {
            EngineCounters counters = replica.Engine.Counters;
            running += counters.Running;
            waiting += counters.Waiting;
            used += counters.UsedBlocks;
            total += counters.TotalBlocks;
        }

        return new EngineReport(now.MonotonicNs, running, waiting, (double)used / total, null, null, null);
    }

    /// <summary>Tokens that a request under way has got so far.</summary>
    public int TokensBy(int request, Instant now) => _gateway.Served(request).Replica!.Engine.TokensBy(request, now);

    /// <summary>Sends a request on its way.</summary>
    public void Send(int request, CellRequest what)
    {
        double uploadNs = _site.LinkAt(_link, _loop.Now.WallUnixMs).NsPerByte * BodyBytes(what);
        _loop.After(OneWayNs(request) + (long)uploadNs, this, 0, request);
    }

    void IEventTarget.Handle(int kind, long subject, Instant now)
    {
        SimulatedReplica replica = _replicas[0];
        for (int i = 1; i < _replicas.Length && replica.Engine.Live > 0; i++)
        {
            replica = _replicas[i].Engine.Live < replica.Engine.Live ? _replicas[i] : replica;
        }

        _gateway.Served(subject).Replica = replica;
        CellRequest request = _gateway.Requests[subject].Request;
        replica.Submit(
            new EngineRequest(subject, request.InputTokens, request.OutputTokens, request.PrefixHashes), now);
    }

    private void Happened(EngineEvent e)
    {
        if (e.Kind == EngineEventKind.FirstToken)
        {
            _gateway.Served(e.Id).CachedTokens = e.CachedTokens;
            _loop.At(e.AtNs + OneWayNs(e.Id), _gateway, SimulatedGateway.FirstToken, e.Id);
        }
        else if (e.Kind == EngineEventKind.Finished)
        {
            _gateway.Served(e.Id).OutputTokens = e.Tokens;
            _loop.At(e.AtNs + OneWayNs(e.Id), _gateway, SimulatedGateway.Finished, e.Id);
        }
    }

    private long OneWayNs(long request)
    {
        double roundTripNs = _site.LinkAt(_link, _loop.Now.WallUnixMs).LatencyNs
            + _site.PathNs(_gateway.Served(request).Region);
        return (long)(roundTripNs / 2);
    }
}

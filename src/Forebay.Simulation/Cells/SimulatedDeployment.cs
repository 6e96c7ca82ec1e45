using Forebay.Core.Serving.Engine;
using Forebay.Core.Time;
using Forebay.Simulation.Events;

namespace Forebay.Simulation.Cells;

/// <summary>
/// A deployment behind its link: requests reach it after the link's latency and go to the replica with the fewest, the
/// first among equals, as the emulator's do; tokens reach the gateway after the same latency.
/// </summary>
internal sealed class SimulatedDeployment : IEventTarget
{
    private readonly EventLoop _loop;
    private readonly SimulatedGateway _gateway;
    private readonly SimulatedReplica[] _replicas;
    private readonly long _oneWayNs;

    public SimulatedDeployment(DeploymentSpec spec, EventLoop loop, SimulatedGateway gateway)
    {
        _loop = loop;
        _gateway = gateway;
        _oneWayNs = (long)(spec.OneWayMs * Instant.NsPerMs);
        _replicas = new SimulatedReplica[spec.Replicas];
        for (int i = 0; i < _replicas.Length; i++)
        {
            _replicas[i] = new SimulatedReplica(spec.Engine, loop, Happened);
        }
    }

    public IEnumerable<EngineModel> Engines => _replicas.Select(r => r.Engine);

    /// <summary>Sends a request on its way.</summary>
    public void Send(int request) => _loop.After(_oneWayNs, this, 0, request);

    void IEventTarget.Handle(int kind, long subject, Instant now)
    {
        SimulatedReplica replica = _replicas[0];
        for (int i = 1; i < _replicas.Length && replica.Engine.Live > 0; i++)
        {
            replica = _replicas[i].Engine.Live < replica.Engine.Live ? _replicas[i] : replica;
        }

        CellRequest request = _gateway.Requests[subject].Request;
        replica.Submit(
            new EngineRequest(subject, request.InputTokens, request.OutputTokens, request.PrefixHashes), now);
    }

    private void Happened(EngineEvent e)
    {
        if (e.Kind == EngineEventKind.FirstToken)
        {
            _gateway.Served(e.Id).CachedTokens = e.CachedTokens;
            _loop.At(e.AtNs + _oneWayNs, _gateway, SimulatedGateway.FirstToken, e.Id);
        }
        else if (e.Kind == EngineEventKind.Finished)
        {
            _gateway.Served(e.Id).OutputTokens = e.Tokens;
            _loop.At(e.AtNs + _oneWayNs, _gateway, SimulatedGateway.Finished, e.Id);
        }
    }
}

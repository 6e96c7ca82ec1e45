using BenchmarkDotNet.Attributes;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;

namespace Forebay.Bench.Micro;

/// <summary>What health costs a request: a look by the router, a place taken and left, what its answer tells.</summary>
[MemoryDiagnoser]
public class HealthBenchmarks
{
    private readonly HealthRulesConfig _rules = new();
    private readonly DeploymentState _well = new("well");
    private readonly DeploymentState _recovering = new("recovering");
    private long _now = 1_000_000_000;

    [GlobalSetup]
    public void Recover()
    {
        var slow = new HealthRulesConfig { RampSeconds = 3600 };
        _recovering.Breaker.TakeOut(OutCause.Probes, Reason.UpstreamCut, _now, 0.5, slow);
        for (int i = 0; i < slow.TrialRequests; i++)
        {
            _recovering.Succeeded(true, _now + 1, _now + 1, 256, slow);
        }
    }

    [Benchmark]
    public int LookAtOneThatIsWell() => _well.IsOut(_now) ? 0 : _well.Places(256, _now);

    [Benchmark]
    public int LookAtOneThatRecovers() => _recovering.IsOut(_now + 2) ? 0 : _recovering.Places(256, _now + 2);

    [Benchmark]
    public bool EnterAndLeave()
    {
        bool entered = _well.TryEnter(_well.Places(256, _now));
        _well.Leave(_now);
        return entered;
    }

    [Benchmark]
    public void FirstTokenAndSuccess()
    {
        _now += 1_000_000;
        _well.FirstToken(500, _now - 50_000_000, _now, 256, _rules);
        _well.Succeeded(true, _now - 50_000_000, _now, 256, _rules);
    }
}

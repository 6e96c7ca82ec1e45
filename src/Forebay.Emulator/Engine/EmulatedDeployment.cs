using Forebay.Core.Serving;
using Forebay.Core.Serving.Engine;
using Forebay.Emulator.Faults;

namespace Forebay.Emulator.Engine;

/// <summary>A deployment: its replicas, the first made at once and the others when needed, and what is configured for
/// its requests.</summary>
internal sealed class EmulatedDeployment : IDisposable
{
    private readonly EnginePump?[] _replicas;
    private readonly Lock _lock = new();
    private readonly Fault[] _faults;
    private readonly ulong _seed;
    private long _requests;

    public EmulatedDeployment(EmulatedDeploymentSpec spec, EmulatorSpec all, ModelClock clock)
    {
        Spec = spec;
        Clock = clock;
        Parameters = spec.Parameters();
        MaxOutputTokens = Math.Min(spec.MaxOutputTokens ?? int.MaxValue, Parameters.ContextTokens);
        TokensPerEvent = all.TokensPerEvent;
        StartedUnixSeconds = clock.Now.WallUnixMs / 1000;
        _replicas = new EnginePump?[spec.Replicas];
        _replicas[0] = new EnginePump(Parameters, clock);
        _faults = [.. spec.Faults.Select(f => Fault.TryParse(f, out Fault fault, out _) ? fault : default)];
        _seed = Mixing.Mix(all.Seed, (ulong)spec.Id.Length + spec.Id.Aggregate(0UL, (h, c) => Mixing.Mix(h, c)));
    }

    public EmulatedDeploymentSpec Spec { get; }

    public EngineParameters Parameters { get; }

    public ModelClock Clock { get; }

    public int MaxOutputTokens { get; }

    public int TokensPerEvent { get; }

    public long StartedUnixSeconds { get; }

    public IEnumerable<(int Index, EnginePump Pump)> Started =>
        _replicas.Select((pump, index) => (index, pump)).Where(r => r.pump is not null).Select(r => (r.index, r.pump!));

    public bool Speaks(Dialect dialect) => Array.IndexOf(Spec.Dialects, dialect) >= 0;

    /// <summary>The number of a new request: counts up from 1.</summary>
    public long NextRequest() => Interlocked.Increment(ref _requests);

    /// <summary>A name for a request: 16 hexadecimal digits, different from one deployment to the next.</summary>
    public string NameOf(long request) => Mixing.Mix(_seed, (ulong)request).ToString("x16");

    /// <summary>The configured fault that strikes a request, if any.</summary>
    public Fault? FaultFor(long request)
    {
        for (int i = 0; i < _faults.Length; i++)
        {
            if (_faults[i].Strikes(_seed + (ulong)i, request))
            {
                return _faults[i];
            }
        }

        return null;
    }

    /// <summary>Whether a fault that the request itself asked for strikes it.</summary>
    public bool Strikes(in Fault fault, long request) => fault.Strikes(_seed, request);

    /// <summary>The replica with the fewest requests, the first among equals. O(replicas).</summary>
    public EnginePump LeastLoaded()
    {
        lock (_lock)
        {
            int best = 0;
            int least = int.MaxValue;
            for (int i = 0; i < _replicas.Length && least > 0; i++)
            {
                int load = _replicas[i]?.Load ?? 0;
                if (load < least)
                {
                    (best, least) = (i, load);
                }
            }

            return _replicas[best] ??= new EnginePump(Parameters, Clock);
        }
    }

    public void Dispose()
    {
        foreach (EnginePump? pump in _replicas)
        {
            pump?.Dispose();
        }
    }
}

using BenchmarkDotNet.Attributes;
using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Forebay.Core.Usage;

namespace Forebay.Bench.Micro;

/// <summary>
/// Step 5: a check of everything that a rich tier limits: three buckets, two windows, acceleration and spend, over all
/// models; and the same again over a class. Time passes between the checks, so that refilling and decay are part of it.
/// </summary>
public class LimiterBenchmarks
{
    /// <summary>Checks that both threads make together in one operation of <see cref="TwoThreadsOneTenant"/>.</summary>
    private const int Checks = 1 << 20;

    private static readonly TokenPrices Prices = new(3_000_000, 300_000, 3_750_000, 15_000_000);
    private static readonly LimitRequest Plain = new("atlas", null, 500, 64_000, Prices);
    private static readonly LimitRequest Classed = Plain with { ModelClass = "large" };
    private static readonly LimitPlan Plan = LimitPlan.Compile(new TierConfig
    {
        Id = "rich",
        RequestsPerMinute = int.MaxValue,
        InputTokensPerMinute = 1_000_000_000_000_000,
        OutputTokensPerMinute = 1_000_000_000_000_000,
        FiveHourWindow = new WindowConfig { Limit = 1_000_000_000_000_000_000, Unit = WindowUnit.Tokens },
        WeeklyWindow = new WindowConfig { Limit = 1_000_000_000_000, Unit = WindowUnit.Usd },
        Acceleration = new AccelerationConfig { FloorTokensPerMinute = 1_000_000_000_000_000 },
        MonthlySpendUsd = 1_000_000_000_000,
        Classes =
        [
            new ClassLimitsConfig
            {
                Class = "large",
                RequestsPerMinute = int.MaxValue,
                InputTokensPerMinute = 1_000_000_000_000_000,
                OutputTokensPerMinute = 1_000_000_000_000_000,
                WeeklyWindow = new WindowConfig { Limit = 1_000_000_000_000_000_000, Unit = WindowUnit.Tokens },
                Acceleration = new AccelerationConfig { FloorTokensPerMinute = 1_000_000_000_000_000 },
            },
        ],
    });

    private readonly TenantLimits _limits = new();
    private readonly TenantLimits _shared = new();
    private readonly Instant _start = Instant.From(TimeProvider.System);
    private long _step;

    [Benchmark]
    public Reason Check() => _limits.Reserve(Plan, Plain, Next()).Reason;

    [Benchmark]
    public Reason CheckWithClass() => _limits.Reserve(Plan, Classed, Next()).Reason;

    [Benchmark]
    public Reason CheckAndSettle()
    {
        LimitDecision decision = _limits.Reserve(Plan, Plain, Next());
        _limits.Settle(decision.Reservation, new LimitUse(480, 300, 5_940, true), Next());
        return decision.Reason;
    }

    [Benchmark]
    public LimitLevels Levels() => _limits.Levels(Plan, null, Next());

    /// <summary>Two threads on one tenant; the mean is the time per check of both together, so 200 ns is five million a
    /// second.</summary>
    [Benchmark(OperationsPerInvoke = Checks)]
    public void TwoThreadsOneTenant()
    {
        var other = new Thread(() => Run(_shared));
        other.Start();
        Run(_shared);
        other.Join();
    }

    private void Run(TenantLimits limits)
    {
        Instant now = _start;
        for (int i = 0; i < Checks / 2; i++)
        {
            now = new Instant(now.MonotonicNs + 100, now.WallUnixMs);
            if (limits.Reserve(Plan, Plain, now).Reason != Reason.None)
            {
                throw new InvalidOperationException("A limit that cannot be reached refused.");
            }
        }
    }

    private Instant Next() => new(_start.MonotonicNs + ++_step * 100, _start.WallUnixMs + _step / 10_000);
}

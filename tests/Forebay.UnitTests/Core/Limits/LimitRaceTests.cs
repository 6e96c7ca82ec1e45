using System.Collections.Concurrent;
using Forebay.Core.Limits;
using Xunit;
using static Forebay.UnitTests.Core.Limits.LimitPlans;

namespace Forebay.UnitTests.Core.Limits;

/// <summary>Real threads on one tenant: the same bound, and nothing lost between them.</summary>
public sealed class LimitRaceTests
{
    private const int Threads = 4;
    private const int Tries = 20_000;

    public static TheoryData<string> Kinds =>
    [
        "requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute", "five_hour_window", "weekly_window",
        "monthly_spend_usd", "acceleration", "max_batch_requests",
    ];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Racing_reservations_take_no_more_than_there_is(string kind)
    {
        // Each asks for 100 in and 50 out, at $0.0006, and nothing settles: a thousand fit, whatever the threads do.
        const int Fit = 1_000;
        LimitPlan plan = Of(PlanOf(kind, Fit));
        var limits = new TenantLimits();
        int granted = 0;
        Race(_ =>
        {
            for (int i = 0; i < Tries / 10; i++)
            {
                if (limits.Reserve(plan, Ask(100, 50), At(0)).Refusal is null)
                {
                    Interlocked.Increment(ref granted);
                }
            }
        });

        Assert.Equal(Fit, granted);
        LimitStatus status = limits.Report(plan, At(0)).Of(kind);
        Assert.InRange(status.Used, status.Limit * 0.999m, status.Limit);
    }

    [Fact]
    public void Whatever_threads_do_what_is_used_in_the_end_is_the_sum_of_what_was_settled()
    {
        LimitPlan plan = Of(new TierConfig
        {
            Id = "t",
            Priority = PriorityClass.Batch,
            RequestsPerMinute = int.MaxValue,
            OutputTokensPerMinute = long.MaxValue / 4,
            FiveHourWindow = new WindowConfig { Limit = 1_000_000_000_000, Unit = WindowUnit.Requests },
            WeeklyWindow = new WindowConfig { Limit = 1_000_000_000_000, Unit = WindowUnit.Tokens },
            MonthlySpendUsd = 1_000_000,
            MaxBatchRequests = 1_000_000,
            Classes =
            [
                new ClassLimitsConfig
                {
                    Class = "large", WeeklyWindow = new WindowConfig { Limit = 1_000_000_000, Unit = WindowUnit.Usd },
                },
            ],
        });
        var limits = new TenantLimits();
        var sums = new ConcurrentBag<(long Requests, long Tokens, long Micros, long ClassMicros)>();
        Race(seed =>
        {
            var random = new Random(seed);
            (long requests, long tokens, long micros, long classMicros) = (0, 0, 0, 0);
            var open = new Queue<(LimitReservation Reservation, bool Large)>();
            for (int i = 0; i < Tries; i++)
            {
                bool large = random.Next(2) == 0;
                open.Enqueue((limits.Reserve(plan, Ask(100, 500, large ? "large" : null), At(0)).Reservation, large));
                if (open.Count < 8 && i < Tries - 8)
                {
                    continue;
                }

                (LimitReservation r, bool wasLarge) = open.Dequeue();
                if (random.Next(8) == 0)
                {
                    limits.Cancel(r, At(0));
                    continue;
                }

                LimitUse use = Used(random.Next(200), random.Next(1_000));
                limits.Settle(r, use, At(0));
                requests++;
                tokens += use.InputTokens + use.OutputTokens;
                micros += use.PriceMicros;
                classMicros += wasLarge ? use.PriceMicros : 0;
            }

            foreach ((LimitReservation r, _) in open)
            {
                limits.Cancel(r, At(0));
            }

            sums.Add((requests, tokens, micros, classMicros));
        });

        LimitReport report = limits.Report(plan, At(0));
        Assert.Equal(Threads, sums.Count);
        Assert.Equal(sums.Sum(s => s.Requests), report.Of("five_hour_window").Used);
        Assert.Equal(sums.Sum(s => s.Requests), report.Of("requests_per_minute").Used);
        Assert.Equal(sums.Sum(s => s.Tokens), report.Of("weekly_window").Used);
        Assert.Equal(sums.Sum(s => s.Micros) / 1e6m, report.Of("monthly_spend_usd").Used);
        Assert.Equal(sums.Sum(s => s.ClassMicros) / 1e6m, report.Of("weekly_window", "large").Used);
        Assert.Equal(0, report.Of("max_batch_requests").Used);
    }

    private static void Race(Action<int> work)
    {
        using var start = new Barrier(Threads);
        var failures = new ConcurrentQueue<Exception>();
        Thread[] threads =
        [
            .. Enumerable.Range(1, Threads).Select(seed => new Thread(() =>
            {
                start.SignalAndWait();
                try
                {
                    work(seed);
                }
                catch (Exception e)
                {
                    failures.Enqueue(e);
                }
            })),
        ];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Assert.Empty(failures);
    }

    private static TierConfig PlanOf(string kind, int fit)
    {
        var tier = new TierConfig { Id = "t" };
        return kind switch
        {
            "requests_per_minute" => tier with { RequestsPerMinute = fit },
            "input_tokens_per_minute" => tier with { InputTokensPerMinute = 100 * fit },
            "output_tokens_per_minute" => tier with { OutputTokensPerMinute = 50 * fit },
            "five_hour_window" => tier with
            {
                FiveHourWindow = new WindowConfig { Limit = 150 * fit, Unit = WindowUnit.Tokens },
            },
            "weekly_window" => tier with
            {
                WeeklyWindow = new WindowConfig { Limit = 0.0006m * fit, Unit = WindowUnit.Usd },
            },
            "monthly_spend_usd" => tier with { MonthlySpendUsd = 0.0006m * fit },
            "acceleration" => tier with
            {
                // The ceiling is floor / (1 - 1/e) while nothing was used before.
                Acceleration = new AccelerationConfig
                {
                    FloorTokensPerMinute = (long)Math.Ceiling(150 * fit * (1 - 1 / Math.E)),
                },
            },
            _ => tier with { Priority = PriorityClass.Batch, MaxBatchRequests = fit },
        };
    }
}

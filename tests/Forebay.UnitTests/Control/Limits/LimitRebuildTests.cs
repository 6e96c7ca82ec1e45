using Forebay.Control.Limits;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Time;
using Forebay.UnitTests.Storage;
using Xunit;

namespace Forebay.UnitTests.Control.Limits;

/// <summary>
/// A server's limits beside those that the next one rebuilds from the data directory that it left: over seeded random
/// traffic of two tenants, on the real journal and the real database.
/// </summary>
public sealed class LimitRebuildTests
{
    private static readonly TokenPrices Prices = new(3_000_000, 300_000, 3_750_000, 15_000_000);
    private static readonly string[] Models = ["deep", "swift"];

    private static readonly FleetModel Fleet = FleetModel.Build(
        SmallFleet.Config with
        {
            ModelClasses = [new ModelClassConfig { Id = "large", Models = ["deep"] }],
            Tiers =
            [
                new TierConfig
                {
                    Id = "standard",
                    RequestsPerMinute = 1_000,
                    InputTokensPerMinute = 100_000,
                    OutputTokensPerMinute = 50_000,
                    FiveHourWindow = new WindowConfig { Limit = 100_000_000, Unit = WindowUnit.Tokens },
                    WeeklyWindow = new WindowConfig { Limit = 1_000_000, Unit = WindowUnit.Requests },
                    WeekStartsOn = DayOfWeek.Tuesday,
                    WeekStartsAtHour = 9,
                    MonthlySpendUsd = 100_000,
                    Acceleration = new AccelerationConfig { FloorTokensPerMinute = 10_000_000 },
                    Classes =
                    [
                        new ClassLimitsConfig
                        {
                            Class = "large",
                            OutputTokensPerMinute = 40_000,
                            FiveHourWindow = new WindowConfig { Limit = 10_000, Unit = WindowUnit.Usd },
                            WeeklyWindow = new WindowConfig { Limit = 10_000, Unit = WindowUnit.Usd },
                        },
                    ],
                },
            ],
        },
        new Dictionary<string, Uri>());

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 12)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Windows_and_spend_are_the_same_to_the_token_over_weeks_and_a_months_end(int seed)
    {
        using var folder = new TempFolder();
        var run = new Run(seed, new ManualTime(new DateTimeOffset(2024, 2, 20, 22, 30, 0, TimeSpan.Zero)));
        await run.ServeAsync(folder, steps: 300, random => random.Next(20) switch
        {
            0 => TimeSpan.FromHours(random.NextDouble() * 60),
            < 4 => TimeSpan.FromMinutes(random.NextDouble() * 90),
            _ => TimeSpan.FromSeconds(random.NextDouble() * 20),
        });

        // Some were still in flight: the next process finds them interrupted, and so does what is compared to.
        run.Interrupt();
        FleetState rebuilt = await RebuildAsync(folder, run.Time);

        run.Compare(rebuilt, l => l.Name is "five_hour_window" or "weekly_window" or "monthly_spend_usd", 0);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Buckets_and_growth_are_the_same_as_they_were(int seed)
    {
        using var folder = new TempFolder();
        var run = new Run(seed, new ManualTime());
        await run.ServeAsync(folder, steps: 400, random => TimeSpan.FromMilliseconds(random.Next(2_000)));
        await run.FinishAsync(folder);

        FleetState rebuilt = await RebuildAsync(folder, run.Time);

        // The journal knows milliseconds, and a millisecond refills two tokens at most.
        run.Compare(rebuilt, _ => true, 4);
    }

    [Fact]
    public async Task A_limit_that_was_used_up_is_used_up_after_a_crash()
    {
        using var folder = new TempFolder();
        var time = new ManualTime();
        LimitPlan plan = LimitPlan.Compile(new TierConfig { Id = "t", RequestsPerMinute = 3 });
        var run = new Run(1, time);
        await run.ServeAsync(folder, steps: 3, _ => TimeSpan.Zero, settle: false);

        FleetState rebuilt = await RebuildAsync(folder, time);

        TenantLimits limits = rebuilt.LimitsOf(Fleet.FindTenant("acme")!);
        long used = (long)limits.Report(plan, Instant.From(time)).Limits[0].Used;
        Assert.Equal(run.Granted("acme"), used);
    }

    [Fact]
    public async Task What_answers_are_long_is_learned_from_the_journals_end()
    {
        using var folder = new TempFolder();
        var run = new Run(5, new ManualTime());
        await run.ServeAsync(folder, steps: 600, random => TimeSpan.FromMilliseconds(random.Next(500)));
        await run.FinishAsync(folder);
        FleetState rebuilt = await RebuildAsync(folder, run.Time);

        foreach (FleetState state in (FleetState[])[run.State, rebuilt])
        {
            Tenant tenant = Fleet.FindTenant("acme")!;
            LimitDecision d = state.LimitsOf(tenant).Reserve(
                tenant.Limits, new LimitRequest("deep", "large", 1, 8_000, Prices), Instant.From(run.Time));
            Assert.InRange(d.Reservation.OutputTokens, 1_700, 2_400);
        }
    }

    private static async Task<FleetState> RebuildAsync(TempFolder folder, TimeProvider time)
    {
        await using OpenStore again = await OpenStore.OpenAsync(folder.Of("data"), time);
        var state = new FleetState { Model = Fleet };
        await LimitRebuild.RunAsync(state, again.Store.LimitUsage, Instant.From(time), CancellationToken.None);
        return state;
    }

    /// <summary>A server reduced to its limits and its journal.</summary>
    private sealed class Run(int seed, ManualTime time)
    {
        private readonly Random _random = new(seed);
        private readonly List<(AcceptRecord Accept, LimitReservation Reservation, Instant At)> _open = [];
        private readonly Dictionary<string, int> _granted = [];
        private ulong _next;

        public ManualTime Time => time;

        public FleetState State { get; } = new() { Model = Fleet };

        public int Granted(string tenant) => _granted.GetValueOrDefault(tenant);

        public async Task ServeAsync(TempFolder folder, int steps, Func<Random, TimeSpan> pause, bool settle = true)
        {
            await using OpenStore store = await OpenStore.OpenAsync(folder.Of("data"), time);
            for (int i = 0; i < steps; i++)
            {
                time.Advance(pause(_random));
                if (settle && _open.Count > 0 && _random.Next(2) == 0)
                {
                    SettleOne(store, _random.Next(_open.Count));
                }
                else
                {
                    Accept(store);
                }
            }
        }

        /// <summary>Settles what is in flight, on the store that the server left.</summary>
        public async Task FinishAsync(TempFolder folder)
        {
            // The next process has found them interrupted; so it is here.
            await using OpenStore store = await OpenStore.OpenAsync(folder.Of("data"), time);
            Interrupt();
            time.Advance(TimeSpan.FromSeconds(61));
            for (int i = 0; i < 200; i++)
            {
                time.Advance(TimeSpan.FromMilliseconds(_random.Next(500)));
                Accept(store);
                time.Advance(TimeSpan.FromMilliseconds(_random.Next(500)));
                SettleOne(store, 0);
            }
        }

        public void Interrupt()
        {
            foreach ((AcceptRecord accept, LimitReservation reservation, _) in _open)
            {
                State.LimitsOf(Fleet.FindTenant(accept.Tenant)!).Settle(reservation, default, Instant.From(time));
            }

            _open.Clear();
        }

        public void Compare(FleetState rebuilt, Func<LimitStatus, bool> which, decimal within)
        {
            var now = Instant.From(time);
            foreach (Tenant tenant in Fleet.Tenants)
            {
                LimitStatus[] live = [.. State.LimitsOf(tenant).Report(tenant.Limits, now).Limits.Where(which)];
                LimitStatus[] again = [.. rebuilt.LimitsOf(tenant).Report(tenant.Limits, now).Limits.Where(which)];
                Assert.NotEmpty(live);
                foreach ((LimitStatus was, LimitStatus now2) in live.Zip(again))
                {
                    string words = $"{tenant.Id} {was.Name} {was.ModelClass}: {was.Used} before, {now2.Used} after";
                    Assert.True(Math.Abs(was.Used - now2.Used) <= within, words);
                    if (was.Name.EndsWith("window", StringComparison.Ordinal) && within == 0)
                    {
                        Assert.Equal(was.ResetsAt, now2.ResetsAt);
                    }
                }
            }
        }

        private void Accept(OpenStore store)
        {
            var now = Instant.From(time);
            Tenant tenant = Fleet.FindTenant(_random.Next(3) == 0 ? "globex" : "acme")!;
            ServedModel model = Fleet.FindModel(Models[_random.Next(2)])!;
            long input = _random.Next(1, 2_000);
            LimitDecision d = State.LimitsOf(tenant).Reserve(
                tenant.Limits, new LimitRequest(model.Id, model.LimitClass, input, 4_000, Prices), now);
            if (d.Refusal is not null)
            {
                return;
            }

            _granted[tenant.Id] = Granted(tenant.Id) + 1;
            var accept = new AcceptRecord(
                ++_next, now.WallUnixMs, tenant.Id, "key", model.Id, input, d.Reservation.OutputTokens);
            store.Store.Journal.Accept(accept);
            _open.Add((accept, d.Reservation, now));
        }

        private void SettleOne(OpenStore store, int index)
        {
            if (_open.Count == 0)
            {
                return;
            }

            (AcceptRecord accept, LimitReservation reservation, Instant at) = _open[index];
            _open.RemoveAt(index);
            var now = Instant.From(time);
            bool completed = _random.Next(8) > 0;
            var tokens = new TokenUsage(
                _random.Next(2_000), _random.Next(500), _random.Next(300), completed ? _random.Next(2_000) : 0);
            long price = completed ? Prices.Of(tokens) : 0;
            State.LimitsOf(Fleet.FindTenant(accept.Tenant)!).Settle(
                reservation,
                new LimitUse(
                    tokens.Input + tokens.CacheWrite, tokens.Output, price, completed && tokens.Output > 0),
                now);
            store.Store.Journal.Settle(new UsageRecord
            {
                RequestId = accept.RequestId,
                AcceptedUnixMs = accept.AcceptedUnixMs,
                Tenant = accept.Tenant,
                Key = accept.Key,
                Model = accept.Model,
                Deployment = "deep-real",
                Outcome = completed ? UsageOutcome.Completed : UsageOutcome.Failed,
                Tokens = tokens,
                CustomerPriceMicros = price,
                TotalMs = now.MsSince(at),
            });
        }
    }
}

using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Xunit;
using static Forebay.UnitTests.Core.Limits.LimitPlans;

namespace Forebay.UnitTests.Core.Limits;

/// <summary>
/// The stated bound, for every kind of limit: use passes a limit by at most what the requests in flight together use
/// beyond their own reservations; requests and batch requests by nothing. Over seeded random interleavings of reserving,
/// settling, cancelling, waiting and reloading, checked against books that are kept here.
/// </summary>
public sealed class LimitBoundTests
{
    private const int Steps = 400;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 64)];

    /// <summary>Every limit at once, one of them tight by the seed, so that each gets its turn to refuse.</summary>
    private static LimitPlan PlanOf(int seed)
    {
        int Loose(int limit, int turn) => seed % 8 == turn ? limit : limit * 10;
        return Of(new TierConfig
        {
            Id = "rich",
            Priority = PriorityClass.Batch,
            RequestsPerMinute = Loose(10, 0),
            InputTokensPerMinute = Loose(6_000, 1),
            OutputTokensPerMinute = Loose(8_000, 2),
            FiveHourWindow = new WindowConfig { Limit = Loose(40_000, 3), Unit = WindowUnit.Tokens },
            WeeklyWindow = new WindowConfig { Limit = Loose(25, 4), Unit = WindowUnit.Requests },
            Acceleration = new AccelerationConfig { FloorTokensPerMinute = Loose(5_000, 5) },
            MonthlySpendUsd = Loose(3, 6) / 10m,
            MaxBatchRequests = Loose(4, 7),
            Classes =
            [
                new ClassLimitsConfig
                {
                    Class = "large",
                    RequestsPerMinute = Loose(8, 0),
                    OutputTokensPerMinute = Loose(5_000, 2),
                    WeeklyWindow = new WindowConfig { Limit = Loose(2, 4) / 10m, Unit = WindowUnit.Usd },
                },
            ],
        });
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Use_passes_a_limit_only_by_what_requests_in_flight_used_beyond_their_reservations(int seed) =>
        Assert.True(Run(seed).Count > 1, "nothing was refused: this run says nothing");

    [Fact]
    public void The_interleavings_meet_every_kind_of_limit()
    {
        HashSet<Reason> met = [.. Enumerable.Range(1, 64).SelectMany(Run)];
        Assert.Superset(
            new HashSet<Reason>
            {
                Reason.None, Reason.LimitRequests, Reason.LimitInputTokens, Reason.LimitOutputTokens, Reason.LimitFiveHours,
                Reason.LimitWeek, Reason.LimitSpend, Reason.LimitAcceleration, Reason.LimitBatchQueue,
            },
            met);
    }

    private static HashSet<Reason> Run(int seed)
    {
        var random = new Random(seed);
        LimitPlan plan = PlanOf(seed);
        var limits = new TenantLimits();
        var books = new Books();
        var met = new HashSet<Reason>();
        double second = 0;
        for (int step = 0; step < Steps; step++)
        {
            second += random.Next(8) switch { 0 => random.NextDouble() * 40, < 4 => random.NextDouble(), _ => 0 };
            Instant now = At(second);
            if (books.Open.Count > 0 && random.Next(5) < 2)
            {
                Flight done = books.Open[random.Next(books.Open.Count)];
                books.Open.Remove(done);
                if (random.Next(10) == 0)
                {
                    limits.Cancel(done.Reservation, now);
                    books.Cancelled();
                }
                else
                {
                    limits.Settle(done.Reservation, done.Use, now);
                    books.Settled(done);
                }
            }
            else
            {
                met.Add(TryReserve(plan, limits, books, random, now));
            }

            books.Check(limits.Report(plan, now));
        }

        return met;
    }

    private static Reason TryReserve(
        LimitPlan plan, TenantLimits limits, Books books, Random random, Instant now)
    {
        LimitRequest ask = RandomAsk(random);
        LimitReport before = limits.Report(plan, now);
        LimitDecision d = limits.Reserve(plan, ask, now);
        if (d.Refusal is not null)
        {
            // All or nothing: a refusal changes nothing at all.
            Assert.Equal(before.Limits, limits.Report(plan, now).Limits);
            return d.Reason;
        }

        LimitUse use = Used(random.Next(4) == 0 ? random.Next(4_000) : ask.InputTokens, random.Next(2_500));
        books.Granted(new Flight(d.Reservation, use, ask.ModelClass));
        return Reason.None;
    }

    private static LimitRequest RandomAsk(Random random) => Ask(
        random.Next(1, 2_500), random.Next(1, 6_000), random.Next(2) == 0 ? "large" : null);

    private sealed record Flight(LimitReservation Reservation, LimitUse Use, string? Class)
    {
        public long Tokens => Use.InputTokens + Use.OutputTokens;

        public long ReservedTokens => Reservation.EstimatedInputTokens + Reservation.OutputTokens;
    }

    /// <summary>What a careful bookkeeper knows: no refill, no windows that end (all of a run lies within one).</summary>
    private sealed class Books
    {
        private readonly Dictionary<(string Limit, string? Class), decimal> _overrun = [];
        private long _requests;
        private long _tokens;
        private long _micros;
        private long _classMicros;

        public List<Flight> Open { get; } = [];

        public void Granted(Flight flight)
        {
            Open.Add(flight);
            _requests++;
            // What may come on top from those in flight now; it is the bound until the next one is let in.
            Bound("five_hour_window", null, f => f.Tokens - f.ReservedTokens);
            Bound("monthly_spend_usd", null, f => (f.Use.PriceMicros - f.Reservation.PriceMicros) / 1e6m);
            Bound("output_tokens_per_minute", null, f => f.Use.OutputTokens - f.Reservation.OutputTokens);
            Bound("input_tokens_per_minute", null, f => f.Use.InputTokens - f.Reservation.InputTokens);
            Bound("acceleration", null, f => f.Tokens - f.ReservedTokens);
            if (flight.Class is not null)
            {
                Bound("weekly_window", "large", f => (f.Use.PriceMicros - f.Reservation.PriceMicros) / 1e6m);
                Bound("output_tokens_per_minute", "large", f => f.Use.OutputTokens - f.Reservation.OutputTokens);
            }
        }

        public void Settled(Flight flight)
        {
            _tokens += flight.Tokens;
            _micros += flight.Use.PriceMicros;
            _classMicros += flight.Class is null ? 0 : flight.Use.PriceMicros;
        }

        public void Cancelled() => _requests--;

        /// <summary>What is used is to the token what the books say, and never passes the bound.</summary>
        public void Check(LimitReport report)
        {
            long openTokens = Open.Sum(f => f.ReservedTokens);
            long openMicros = Open.Sum(f => f.Reservation.PriceMicros);
            long openClass = Open.Where(f => f.Class is not null).Sum(f => f.Reservation.PriceMicros);
            if (_requests > 0)
            {
                Assert.Equal(_tokens + openTokens, report.Of("five_hour_window").Used);
            }

            Assert.Equal(_requests, report.Of("weekly_window").Used);
            Assert.Equal((_micros + openMicros) / 1e6m, report.Of("monthly_spend_usd").Used);
            Assert.Equal((_classMicros + openClass) / 1e6m, report.Of("weekly_window", "large").Used);
            Assert.Equal(Open.Count, report.Of("max_batch_requests").Used);
            foreach (LimitStatus limit in report.Limits)
            {
                // The ceiling of acceleration falls with time, use falls faster: it is held when a request is let in.
                if (limit.Name != "acceleration")
                {
                    decimal overrun = _overrun.GetValueOrDefault((limit.Name, limit.ModelClass));
                    Assert.True(
                        limit.Used <= limit.Limit + overrun,
                        $"{limit.Name} {limit.ModelClass}: {limit.Used} of {limit.Limit}, {overrun} may come on top");
                }
            }
        }

        private void Bound(string limit, string? modelClass, Func<Flight, decimal> excess) =>
            _overrun[(limit, modelClass)] = Open
                .Where(f => modelClass is null || f.Class == modelClass)
                .Sum(f => Math.Max(0, excess(f)));
    }
}

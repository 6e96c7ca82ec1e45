using Forebay.Core.Serving.Engine;
using Forebay.Core.Serving.Health;
using Forebay.Core.Time;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Health;

public sealed class ConcurrencyLimitTests
{
    private const int Configured = 256;
    private static readonly HealthRulesConfig Rules = new();

    [Fact]
    public void It_stays_within_its_bounds_whatever_is_observed() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var limit = new ConcurrencyLimit();
        long now = 0;
        for (int i = 0; i < 2_000; i++)
        {
            now += random.NextInt64(Instant.NsPerSecond / 5);
            long entered = now - random.NextInt64(Instant.NsPerSecond * 3);
            int configured = random.Next(10) == 0 ? random.Next(1, 500) : Configured;
            switch (random.Next(4))
            {
                case 0:
                    limit.Refused(random.Next(600), entered, now, configured, Rules);
                    break;
                case 1:
                    limit.Answered(random.Next(600), entered, now, configured, Rules);
                    break;
                default:
                    long absurd = random.Next(20) == 0 ? random.NextInt64() : random.NextInt64(2_000_000_000);
                    limit.FirstToken(
                        absurd * (random.Next(50) == 0 ? -1 : 1),
                        random.Next(20) == 0 ? random.NextInt64() : random.Next(100_000),
                        random.Next(600), entered, now, configured, Rules);
                    break;
            }

            int places = limit.Within(configured);
            if (places < Math.Min(Rules.MinConcurrency, 1) || places > configured || !double.IsFinite(limit.Slowdown))
            {
                return false;
            }
        }

        return limit.Within(Configured) >= Rules.MinConcurrency;
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(100));

    [Fact]
    public void A_hundred_refusals_of_one_moment_count_as_one()
    {
        var limit = new ConcurrencyLimit();
        for (int i = 0; i < 100; i++)
        {
            limit.Refused(256, entered(i), Instant.NsPerSecond + i, Configured, Rules);
        }

        Assert.Equal(179, limit.Within(Configured));
        static long entered(int i) => i;
    }

    [Fact]
    public void One_stray_refusal_takes_no_more_than_half()
    {
        var limit = new ConcurrencyLimit();
        limit.Refused(1, 0, 1, Configured, Rules);

        Assert.Equal(128, limit.Within(Configured));
    }

    /// <summary>A backlog at an engine that holds 32 sequences: the gateway keeps the excess, the engine stays full.
    /// </summary>
    [Theory]
    [InlineData(32)]
    [InlineData(96)]
    public void It_finds_the_knee_of_the_engine_model(int sequences)
    {
        var engine = new ClosedLoop(sequences);
        engine.Run(demand: Configured, prompt: _ => 512, output: 200, seconds: 240);
        var flooded = new ClosedLoop(sequences) { IsLimited = false };
        flooded.Run(demand: Configured, prompt: _ => 512, output: 200, seconds: 240);

        Assert.InRange(engine.MeanPlaces, sequences, sequences * 1.6);
        Assert.InRange(engine.Throughput, 0.97 * flooded.Throughput, double.MaxValue);
        Assert.InRange(engine.MeanTtftSeconds, 0, flooded.MeanTtftSeconds / 2);
    }

    [Fact]
    public void A_change_of_the_mix_to_long_prompts_is_no_congestion()
    {
        var engine = new ClosedLoop(64);
        engine.Run(demand: 4, prompt: i => i % 8 == 0 ? 2_000 : 200, output: 100, seconds: 60);
        Assert.Equal(Configured, engine.Places);
        engine.Run(demand: 4, prompt: i => 6_000 + (int)(i % 5) * 1_000, output: 100, seconds: 60);

        Assert.Equal(Configured, engine.Places);
    }

    [Fact]
    public void It_grows_back_when_the_engine_can_take_more()
    {
        var engine = new ClosedLoop(16);
        engine.Run(demand: Configured, prompt: _ => 512, output: 100, seconds: 60);
        int small = engine.Places;
        engine.Replace(sequences: 128);
        engine.Run(demand: Configured, prompt: _ => 512, output: 100, seconds: 180);

        Assert.InRange(small, 8, 32);
        Assert.InRange(engine.Places, 64, Configured);
    }

    [Fact]
    public void Answers_without_a_first_token_let_it_grow_after_a_refusal()
    {
        var limit = new ConcurrencyLimit();
        limit.Refused(10, 0, 1, Configured, Rules);
        int cut = limit.Within(Configured);
        long now = 1;
        for (int i = 0; i < 2_000; i++)
        {
            now += Instant.NsPerSecond / 10;
            limit.Answered(limit.Within(Configured), now - 1, now, Configured, Rules);
        }

        Assert.InRange(limit.Within(Configured), cut + 50, Configured);
    }

    /// <summary>Clients that always want more, one engine, in virtual time.</summary>
    private sealed class ClosedLoop(int sequences)
    {
        private readonly ConcurrencyLimit _limit = new();
        private readonly Dictionary<long, (long Entered, int Prompt)> _inside = [];
        private EngineModel _engine = New(sequences);
        private long _now;
        private long _next;
        private double _sum;
        private long _looks;
        private double _ttft;
        private long _firsts;
        private long _tokens;
        private double _seconds;

        public bool IsLimited { get; init; } = true;

        public int Places => IsLimited ? _limit.Within(Configured) : Configured;

        public double MeanTtftSeconds => _ttft / _firsts / Instant.NsPerSecond;

        public double MeanPlaces => _sum / _looks;

        /// <summary>Tokens a second over the last run.</summary>
        public double Throughput => _tokens / _seconds;

        public void Replace(int sequences)
        {
            _engine = New(sequences);
            _inside.Clear();
        }

        public void Run(int demand, Func<long, int> prompt, int output, double seconds)
        {
            long start = _now;
            long end = _now + (long)(seconds * Instant.NsPerSecond);
            var events = new List<EngineEvent>();
            _tokens = 0;
            _firsts = 0;
            _ttft = 0;
            _sum = 0;
            _looks = 0;
            while (_now < end)
            {
                while (_inside.Count < Math.Min(demand, Places))
                {
                    int tokens = prompt(_next);
                    _inside[_next] = (_now, tokens);
                    _engine.Submit(new EngineRequest(_next++, tokens, output, []), new Instant(_now, 0));
                }

                _now = Math.Max(_now + 1, Math.Min(_engine.NextEventNs, _now + Instant.NsPerSecond / 100));
                events.Clear();
                _engine.Advance(new Instant(_now, 0), events);
                foreach (EngineEvent happened in events)
                {
                    (long entered, int tokens) = _inside[happened.Id];
                    if (happened.Kind == EngineEventKind.FirstToken)
                    {
                        _ttft += happened.AtNs - entered;
                        _firsts++;
                        _limit.FirstToken(
                            happened.AtNs - entered, tokens, _inside.Count, entered, _now, Configured, Rules);
                    }
                    else if (happened.Kind == EngineEventKind.Finished)
                    {
                        _inside.Remove(happened.Id);
                        _tokens += _now - start > (end - start) / 2 ? happened.Tokens : 0;
                    }
                }

                if (_now - start > (end - start) / 2)
                {
                    _sum += Places;
                    _looks++;
                }
            }

            _seconds = seconds / 2;
        }

        private static EngineModel New(int sequences) => new(new EngineParameters
        {
            ContextTokens = 16_000,
            KvBlocks = 400_000,
            MaxSequences = sequences,
            MaxTokensPerStep = 8192,
            StepOverheadPs = 8_000_000_000,
            SequencePs = 100_000_000,
            WeightsReadPs = 0,
            TokenComputePs = 10_000_000,
            KvReadPs = 0,
            AttentionPairPs = 0,
        });
    }
}

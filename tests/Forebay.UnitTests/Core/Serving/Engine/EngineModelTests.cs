using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Engine;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Engine;

public sealed class EngineModelTests
{
    /// <summary>Each step takes 10 us and nothing else counts.</summary>
    private static readonly EngineParameters Plain = new()
    {
        ContextTokens = 4000,
        KvBlocks = 250,
        MaxSequences = 8,
        MaxTokensPerStep = 256,
        StepOverheadPs = 10_000_000,
        SequencePs = 0,
        WeightsReadPs = 0,
        TokenComputePs = 0,
        KvReadPs = 0,
        AttentionPairPs = 0,
    };

    private static Instant At(double us) => new((long)(us * 1000), 0);

    private static EngineRequest Request(long id, int prompt, int output, ulong family = 0) => new(
        id, prompt, output,
        family == 0 ? [] : [.. Enumerable.Range(1, prompt / 16).Select(i => family * 1_000_000 + (ulong)i)]);

    [Fact]
    public void Tokens_come_one_a_step_from_the_end_of_the_prefill()
    {
        var engine = new EngineModel(Plain);
        engine.Submit(Request(1, 300, 5), At(0));

        // 300 tokens at 256 a step: the prompt takes two steps, and the first token comes with its end.
        Assert.Equal(0, engine.TokensBy(1, At(19.9)));
        Assert.Equal(1, engine.TokensBy(1, At(20)));
        Assert.Equal(3, engine.TokensBy(1, At(45)));
        Assert.Equal(50_000, engine.TokenTimeNs(1, 4, At(45)));
        Assert.Equal(50_000, engine.NextStepNs(At(45)));
        Assert.Equal(60_000, engine.NextEventNs);
        var events = new List<EngineEvent>();
        engine.Advance(At(60), events);
        Assert.Equal([EngineEventKind.FirstToken, EngineEventKind.Finished], events.Select(e => e.Kind));
        Assert.Equal([20_000L, 60_000L], events.Select(e => e.AtNs));
        Assert.Equal(long.MaxValue, engine.NextEventNs);
    }

    [Fact]
    public void A_long_constant_batch_is_few_events()
    {
        var engine = new EngineModel(Plain with { KvReadPs = 1_000 });
        engine.Submit(Request(1, 16, 3_900), At(0));
        int events = 0;
        var happened = new List<EngineEvent>();
        while (engine.Live > 0)
        {
            engine.Advance(new Instant(engine.NextEventNs, 0), happened);
            events++;
        }

        Assert.Equal(2, events);

        // 3,899 decode steps that read 17, 18, ... tokens, after one prefill step.
        long kv = Enumerable.Range(17, 3_899).Sum(i => (long)i);
        Assert.Equal((3_900 * 10_000_000L + kv * 1_000 + 999) / 1000, happened[^1].AtNs);
    }

    [Fact]
    public void What_is_cached_can_be_asked_without_touching_it()
    {
        var engine = new EngineModel(Plain);
        EngineRequest first = Request(1, 160, 1, family: 7);
        Assert.Equal(0, engine.CachedBlocks(first.PrefixHashes));
        engine.Submit(first, At(0));

        // Nothing is there before it is computed, and what differs ends the prefix.
        Assert.Equal(0, engine.CachedBlocks(first.PrefixHashes));
        engine.Advance(At(100), []);
        Assert.Equal(10, engine.CachedBlocks(first.PrefixHashes));
        Assert.Equal(3, engine.CachedBlocks([.. first.PrefixHashes[..3], 99, .. first.PrefixHashes[4..]]));
        Assert.Equal(0, engine.CachedBlocks(first.PrefixHashes.AsSpan(1, 0)));
        Assert.Equal(10, engine.Counters.CachedBlocks);
    }

    [Fact]
    public void A_second_prompt_with_the_same_prefix_computes_only_the_rest()
    {
        var engine = new EngineModel(Plain);
        var events = new List<EngineEvent>();
        engine.Submit(Request(1, 1000, 1, family: 7), At(0));
        engine.Advance(At(1000), events);
        engine.Submit(Request(2, 1000, 1, family: 7), At(1000));
        engine.Advance(At(2000), events);

        EngineEvent[] first = [.. events.Where(e => e.Kind == EngineEventKind.FirstToken)];
        Assert.Equal([0, 992], first.Select(e => e.CachedTokens));
        Assert.Equal([40_000L, 1_010_000L], first.Select(e => e.AtNs));
        Assert.Equal(992, engine.Counters.PrefixHitTokens);
    }

    [Fact]
    public void A_whole_prompt_in_the_cache_still_computes_its_last_block()
    {
        var engine = new EngineModel(Plain);
        var events = new List<EngineEvent>();
        engine.Submit(Request(1, 160, 1, family: 7), At(0));
        engine.Submit(Request(2, 160, 1, family: 7), At(500));
        engine.Advance(At(1000), events);

        Assert.Equal(144, events[^1].CachedTokens);
    }

    [Fact]
    public void Without_free_blocks_the_youngest_is_preempted_and_still_finishes()
    {
        var engine = new EngineModel(Plain with { KvBlocks = 250, MaxTokensPerStep = 4000 });
        var events = new List<EngineEvent>();
        engine.Submit(Request(1, 1600, 1000), At(0));
        engine.Submit(Request(2, 1600, 1000), At(0));
        engine.Advance(At(1_000_000), events);

        EngineEvent preempted = events.First(e => e.Kind == EngineEventKind.Preempted);
        Assert.Equal(2, preempted.Id);
        Assert.Equal([1, 2], events.Where(e => e.Kind == EngineEventKind.Finished).Select(e => (int)e.Id));
        Assert.All(events.Where(e => e.Kind == EngineEventKind.Finished), e => Assert.Equal(1000, e.Tokens));
        Assert.Single(events, e => e is { Kind: EngineEventKind.FirstToken, Id: 2 });
    }

    [Fact]
    public void A_cancelled_request_gives_its_blocks_back_at_once()
    {
        var engine = new EngineModel(Plain);
        engine.Submit(Request(1, 1600, 1000), At(0));
        Assert.Equal(100, engine.Counters.UsedBlocks);

        Assert.True(engine.Cancel(1, At(125)));

        Assert.Equal(0, engine.Counters.UsedBlocks);
        Assert.Equal(1, engine.Counters.Cancelled);
        Assert.False(engine.Cancel(1, At(126)));
        Assert.Throws<KeyNotFoundException>(() => engine.TokensBy(1, At(126)));
    }

    [Fact]
    public void A_request_that_cannot_be_served_is_refused_by_reason()
    {
        var engine = new EngineModel(Plain);
        engine.Submit(Request(1, 10, 10), At(0));

        Assert.Throws<ArgumentException>(() => engine.Submit(Request(1, 10, 10), At(0)));
        Assert.Throws<ArgumentException>(() => engine.Submit(Request(2, 3000, 1001), At(0)));
        Assert.Throws<ArgumentException>(() => engine.Submit(Request(3, 0, 1), At(0)));
        Assert.Throws<ArgumentException>(() => engine.Submit(new EngineRequest(4, 31, 1, [1, 2]), At(0)));
        Assert.Equal(1, engine.Live);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_storm_on_too_little_memory_agrees_with_stepping(int seed)
    {
        var random = new Random(seed);
        EngineParameters p = Plain with
        {
            ContextTokens = 600, KvBlocks = 60, SequencePs = 7, WeightsReadPs = 3_001, KvReadPs = 1_009,
            TokenComputePs = 90_001, AttentionPairPs = 13,
        };
        var engine = new EngineModel(p);
        var reference = new ReferenceEngine(p);
        var events = new List<EngineEvent>();
        long nowNs = 0;
        for (int id = 1; id <= 2_000; id++)
        {
            nowNs += random.Next(2_000_000);
            Instant now = new(nowNs, 0);
            EngineRequest request = Request(
                id, 16 + random.Next(280), 1 + random.Next(300), (ulong)random.Next(4));
            engine.Submit(request, now);
            reference.Submit(request, nowNs);
            if (random.Next(5) == 0)
            {
                long victim = Math.Max(1, id - random.Next(12));
                Assert.Equal(reference.Cancel(victim, nowNs), engine.Cancel(victim, now));
            }
        }

        engine.Advance(new Instant(nowNs + Instant.NsPerSecond * 100, 0), events);
        reference.Advance(nowNs + Instant.NsPerSecond * 100);

        Assert.Equal(0, engine.Live);
        Assert.Equal(reference.Events, events);
        EngineCounters counters = engine.Counters;
        Assert.True(counters.Preemptions > 50, $"{counters.Preemptions} preemptions");
        Assert.True(counters.PrefixHitTokens > 1000, $"{counters.PrefixHitTokens} hits");
        Assert.True(counters.Cancelled > 50, $"{counters.Cancelled} cancelled");
    }

    [Fact]
    public void A_real_engine_under_load_gives_believable_times()
    {
        var model = new ModelConfig
        {
            Id = "m",
            ContextTokens = 131_072,
            MaxOutputTokens = 8192,
            ParametersBillion = Figure.Of(70),
        };
        var engine = new EngineModel(EngineParameters.For(AcceleratorCatalogue.BuiltIn.Find("H100-SXM")!, model, 8));
        var events = new List<EngineEvent>();
        for (int i = 0; i < 64; i++)
        {
            engine.Submit(Request(i + 1, 1155, 211), At(i * 50_000));
        }

        engine.Advance(At(60_000_000), events);

        EngineEvent last = events.Single(e => e is { Kind: EngineEventKind.Finished, Id: 64 });
        EngineEvent first = events.Single(e => e is { Kind: EngineEventKind.FirstToken, Id: 64 });
        Assert.InRange((first.AtNs - 63 * 50_000_000L) / 1e6, 10, 300);
        Assert.InRange((last.AtNs - first.AtNs) / 210.0 / 1e6, 10, 60);
    }
}

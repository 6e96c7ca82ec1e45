using Forebay.Core.Serving.Engine;
using Forebay.Core.Time;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Engine;

public sealed class EngineModelPropertyTests
{
    private static readonly EngineParameters Small = new()
    {
        ContextTokens = 400,
        KvBlocks = 40,
        MaxSequences = 5,
        MaxTokensPerStep = 48,
        StepOverheadPs = 3_000_007,
        SequencePs = 10_003,
        WeightsReadPs = 9_000_001,
        TokenComputePs = 400_009,
        KvReadPs = 1_013,
        AttentionPairPs = 17,
    };

    [Fact]
    public void Jumping_gives_every_event_that_stepping_gives_at_the_same_nanosecond()
    {
        Prop.ForAll<(byte What, byte Size, byte Length, ushort Gap)[]>(steps =>
        {
            var engine = new EngineModel(Small);
            var reference = new ReferenceEngine(Small);
            var events = new List<EngineEvent>();
            long nowNs = 0;
            long next = 1;
            foreach ((byte what, byte size, byte length, ushort gap) in steps)
            {
                nowNs = Later(engine, nowNs, what, gap);
                Instant now = new(nowNs, 0);
                if (what % 4 < 3)
                {
                    EngineRequest request = RequestOf(next++, size, length);
                    engine.Submit(request, now);
                    reference.Submit(request, nowNs);
                }
                else
                {
                    long id = 1 + size % next;
                    Assert.Equal(reference.Cancel(id, nowNs), engine.Cancel(id, now));
                }

                engine.Advance(now, events);
                reference.Advance(nowNs);
                Compare(engine, reference, events, now);
            }

            while (engine.NextEventNs != long.MaxValue)
            {
                Instant now = new(engine.NextEventNs, 0);
                engine.Advance(now, events);
                reference.Advance(now.MonotonicNs);
            }

            Assert.Empty(reference.Live);
            Assert.Equal(reference.Events, events);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Every_request_finishes_once_with_all_its_tokens_or_is_cancelled()
    {
        Prop.ForAll<(byte What, byte Size, byte Length, ushort Gap)[]>(steps =>
        {
            var engine = new EngineModel(Small);
            var events = new List<EngineEvent>();
            var wanted = new Dictionary<long, int>();
            long nowNs = 0;
            foreach ((byte what, byte size, byte length, ushort gap) in steps)
            {
                nowNs = Later(engine, nowNs, what, gap);
                Instant now = new(nowNs, 0);
                if (what % 4 < 3)
                {
                    EngineRequest request = RequestOf(wanted.Count + 1, size, length);
                    engine.Submit(request, now);
                    wanted.Add(request.Id, request.OutputTokens);
                }
                else if (engine.Cancel(1 + size % (wanted.Count + 1), now))
                {
                    wanted[1 + size % (wanted.Count + 1)] = 0;
                }
            }

            // Work conservation: while anything is live there is a next event, and time goes forward to it.
            while (engine.Live > 0)
            {
                Assert.InRange(engine.NextEventNs, nowNs, long.MaxValue - 1);
                nowNs = engine.NextEventNs;
                engine.Advance(new Instant(nowNs, 0), events);
            }

            Dictionary<long, int> done = events
                .Where(e => e.Kind == EngineEventKind.Finished).ToDictionary(e => e.Id, e => e.Tokens);
            foreach ((long id, int tokens) in wanted)
            {
                Assert.True(done.GetValueOrDefault(id) == tokens || tokens == 0);
            }

            EngineCounters counters = engine.Counters;
            Assert.Equal(0, counters.UsedBlocks);
            Assert.Equal(wanted.Count, counters.Finished + counters.Cancelled);
            Assert.True(counters.CachedBlocks <= counters.TotalBlocks);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Looking_often_or_seldom_changes_nothing()
    {
        Prop.ForAll<(byte Size, byte Length, ushort Gap)[], byte>((requests, looks) =>
        {
            List<EngineEvent> Run(int looksBetween)
            {
                var engine = new EngineModel(Small);
                var events = new List<EngineEvent>();
                long nowNs = 0;
                long id = 0;
                foreach ((byte size, byte length, ushort gap) in requests)
                {
                    for (int i = 1; i <= looksBetween; i++)
                    {
                        engine.Advance(new Instant(nowNs + gap * 30L * i / (looksBetween + 1), 0), events);
                    }

                    nowNs += gap * 30L;
                    engine.Submit(RequestOf(++id, size, length), new Instant(nowNs, 0));
                }

                engine.Advance(new Instant(nowNs + 10 * Instant.NsPerSecond, 0), events);
                Assert.Equal(0, engine.Live);
                return events;
            }

            Assert.Equal(Run(0), Run(1 + looks % 5));
        }).QuickCheckThrowOnFailure();
    }

    private static EngineRequest RequestOf(long id, byte size, byte length)
    {
        // Few families of prompts, so that prefixes meet.
        int prompt = 1 + size % 150;
        var hashes = new ulong[size % 3 == 0 ? 0 : prompt / EngineParameters.BlockTokens];
        for (int i = 0; i < hashes.Length; i++)
        {
            hashes[i] = (ulong)(size % 5 * 1000 + i + 1);
        }

        return new EngineRequest(id, prompt, 1 + length % 120, hashes);
    }

    /// <summary>Some operations fall exactly on the end of a step or on an event.</summary>
    private static long Later(EngineModel engine, long nowNs, byte what, ushort gap)
    {
        long step = engine.NextStepNs(new Instant(nowNs, 0));
        return (what % 16) switch
        {
            0 or 1 when step != long.MaxValue => step,
            2 when step != long.MaxValue => Math.Max(nowNs, engine.NextEventNs),
            3 or 4 => nowNs,
            _ => nowNs + gap * 20L,
        };
    }

    private static void Compare(
        EngineModel engine, ReferenceEngine reference, List<EngineEvent> events, Instant now)
    {
        Assert.Equal(reference.Events, events);
        EngineCounters counters = engine.Counters;
        Assert.Equal(reference.Live.Count(), counters.Running + counters.Waiting);
        foreach (ReferenceEngine.Job job in reference.Live)
        {
            Assert.Equal(job.Outputs, engine.TokensBy(job.Request.Id, now));
        }

        Assert.True(counters.CachedBlocks <= counters.TotalBlocks - counters.UsedBlocks);
    }
}

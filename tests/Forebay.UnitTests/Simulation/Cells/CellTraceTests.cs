using Forebay.Core.Serving.Engine;
using Forebay.Core.Time;
using Forebay.Simulation.Cells;
using Forebay.Simulation.Traces;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Simulation.Cells;

public sealed class CellTraceTests
{
    private const string Mooncake = "traces/mooncake/conversation_trace.jsonl";

    [Fact]
    public void Equal_blocks_make_equal_hashes_and_own_text_none()
    {
        CellTrace trace = CellTrace.Of("t",
        [
            new TraceRequest(0, 1_040, 1) { Blocks = [7, 8, 9] },
            new TraceRequest(1, 1_536, 1) { Blocks = [7, 8, 9] },
            new TraceRequest(2, 1_024, 1) { Blocks = [7, 5] },
            new TraceRequest(3, 600, 0) { Blocks = [7] },
            new TraceRequest(4, 0, 1),
            new TraceRequest(5, 64, 1),
        ]);
        ulong[][] hashes = [.. trace.Requests.Select(r => r.PrefixHashes)];
        Assert.Equal([65, 96, 64, 37, 0, 4], hashes.Select(h => h.Length));

        // The cut block at the end of the first is the beginning of the same block in the second.
        Assert.Equal(hashes[0], hashes[1][..65]);
        Assert.Equal(hashes[0][..32], hashes[2][..32]);
        Assert.Empty(hashes[0][32..].Intersect(hashes[2][32..]));
        Assert.Equal(hashes[0][..32], hashes[3][..32]);
        ulong[] all = [.. hashes[1], .. hashes[2][32..], .. hashes[3][32..], .. hashes[5]];
        Assert.Equal(all.Length, all.Distinct().Count());
        Assert.Equal((1, 1), (trace.Requests[4].InputTokens, trace.Requests[3].OutputTokens));
    }

    /// <summary>A block counts by what stands before it: the same text elsewhere is not the same prefix.</summary>
    [Fact]
    public void Hashes_chain()
    {
        CellTrace trace = CellTrace.Of("t",
        [
            new TraceRequest(0, 1_024, 1) { Blocks = [1, 2] },
            new TraceRequest(0, 1_024, 1) { Blocks = [3, 2] },
        ]);
        Assert.Empty(trace.Requests[0].PrefixHashes.Intersect(trace.Requests[1].PrefixHashes));
    }

    [Fact]
    public void Arrivals_keep_the_rate_asked_for_and_the_order()
    {
        CellTrace trace = CellFixture.Trace(1, 2_000, 3);
        foreach (ulong seed in new ulong[] { 0, 1, 2 })
        {
            CellArrival[] arrivals = trace.Arrivals(seed, 5_000);
            double tokens = arrivals.Sum(a => (double)a.Request.InputTokens + a.Request.OutputTokens);
            Assert.Equal(5_000, tokens / (arrivals[^1].AtNs / (double)Instant.NsPerSecond), tolerance: 0.01);
            Assert.Equal(0, arrivals[0].AtNs);
            Assert.Equal(arrivals.Select(a => a.AtNs).Order(), arrivals.Select(a => a.AtNs));
            foreach (var conversation in arrivals.GroupBy(a => a.Request.Conversation))
            {
                Assert.Equal(
                    conversation.Select(a => a.Request.ArrivalSeconds).Order(),
                    conversation.Select(a => a.Request.ArrivalSeconds));
            }
        }
    }

    [Fact]
    public void A_seed_leaves_conversations_out_whole_and_moves_the_others()
    {
        CellTrace trace = CellFixture.Trace(1, 2_000, 3);
        CellArrival[] whole = trace.Arrivals(0, 5_000);
        CellArrival[] one = trace.Arrivals(1, 5_000);
        CellArrival[] two = trace.Arrivals(2, 5_000);
        Assert.Equal(trace.Requests, whole.Select(a => a.Request));
        Assert.InRange(one.Length, 1_600, 1_950);
        Assert.NotEqual(one.Select(a => a.Request), two.Select(a => a.Request));
        Assert.Equal(one, trace.Arrivals(1, 5_000));
        var kept = one.Select(a => a.Request.Conversation).ToHashSet();
        Assert.Equal(trace.Requests.Count(r => kept.Contains(r.Conversation)), one.Length);
    }

    /// <summary>One engine with room for everything, one request after another: its hits are what the trace implies, but
    /// for the last token of a prompt, which is always computed.</summary>
    [Fact]
    public void One_endless_cache_hits_what_the_trace_implies()
    {
        if (SharedFiles.Find(Mooncake) is not { } path)
        {
            Assert.Skip(SharedFiles.SkipReason(Mooncake));
            return;
        }

        using var text = new StreamReader(path);
        TraceRequest[] requests = [.. TraceReader.Read(text, path).Take(1_000)];
        long implied = TraceSummary.Of("t", requests).ReusableInputTokens!.Value;
        CellTrace trace = CellTrace.Of("t", requests);
        var engine = new EngineModel(new EngineParameters
        {
            ContextTokens = 131_072,
            KvBlocks = 10_000_000,
            StepOverheadPs = 1_000,
            SequencePs = 0,
            WeightsReadPs = 0,
            TokenComputePs = 0,
            KvReadPs = 0,
            AttentionPairPs = 0,
        });
        long hit = 0, askedBlocks = 0;
        var events = new List<EngineEvent>();
        for (int i = 0; i < trace.Requests.Count; i++)
        {
            CellRequest r = trace.Requests[i];
            var now = new Instant(i * Instant.NsPerSecond, 0);
            askedBlocks += engine.CachedBlocks(r.PrefixHashes);
            engine.Submit(new EngineRequest(i, r.InputTokens, 1, r.PrefixHashes), now);
            engine.Advance(new Instant(now.MonotonicNs + Instant.NsPerSecond / 2, 0), events);
        }

        hit = events.Where(e => e.Kind == EngineEventKind.FirstToken).Sum(e => (long)e.CachedTokens);
        Assert.True(implied > 1_000_000);
        Assert.InRange(hit, implied - 16L * requests.Length, implied);
        Assert.InRange(askedBlocks * 16, hit, implied);
    }
}

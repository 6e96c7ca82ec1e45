using Forebay.Gateway.Bodies;
using Forebay.Gateway.Relay;
using Forebay.Protocols;
using Forebay.TestKit.Fuzzing;
using Xunit;

namespace Forebay.UnitTests.Fuzz;

/// <summary>Streams that no provider should send, as the relay takes them.</summary>
public sealed class StreamFuzzTests
{
    private static readonly byte[] Model = "\"client/model\""u8.ToArray();

    /// <summary>However a damaged stream is cut on the wire, the same whole events come out and mean the same.</summary>
    [Fact]
    public void Damaged_streams_come_out_the_same_however_they_are_cut() => FuzzRun.Each("streams", 10_000, random =>
    {
        var dialect = (WireDialect)random.Next(3);
        byte[] stream = Corpus.Damaged(
            dialect switch
            {
                WireDialect.Anthropic => Corpus.AnthropicStreams,
                WireDialect.Responses => Corpus.ResponseStreams,
                _ => Corpus.OpenAiStreams,
            },
            random);
        bool removeUsage = random.Next(2) == 0;

        Outcome whole = Relay(dialect, stream, removeUsage, () => stream.Length);
        Outcome cut = Relay(dialect, stream, removeUsage, () => random.Next(1, random.Next(4) == 0 ? 200 : 9));

        Assert.Equal(whole.Sent, cut.Sent);
        Assert.Equal(whole with { Sent = "" }, cut with { Sent = "" });
        Assert.True(whole.Usage is { Input: >= 0, CacheRead: >= 0, CacheWrite: >= 0, Output: >= 0 });
        Assert.True(whole.Sent.Length == 0 || whole.Sent.EndsWith('\n') || whole.Sent.EndsWith('\r'), "half an event");
    });

    private static Outcome Relay(WireDialect dialect, byte[] stream, bool removeUsage, Func<int> next)
    {
        var budget = new MemoryBudget();
        var sent = new List<byte>();
        var observer = new StreamObserver(dialect, new StreamRewrite(Model, removeUsage));
        bool terminal = false;
        string? failure = null;
        using (var buffer = new PooledBuffer(budget, 1 << 26))
        using (var batch = new EventBatch(budget, 1 << 26))
        {
            int at = 0;
            for (bool end = false; !end && !batch.Terminal && batch.Failure is null;)
            {
                batch.Clear();
                int size = Math.Min(next(), stream.Length - at);
                end = size == 0;
                Assert.True(buffer.TryReserve(Math.Max(1, size)));
                stream.AsSpan(at, size).CopyTo(buffer.Free.Span);
                buffer.Advance(size);
                at += size;
                batch.Read(buffer, observer, end);
                sent.AddRange(batch.Events);
            }

            terminal = batch.Terminal;
            failure = batch.Failure?.Detail;
        }

        Assert.Equal(0, budget.UsedBytes);
        return new Outcome(
            System.Text.Encoding.Latin1.GetString([.. sent]), terminal, failure, observer.Usage, observer.ContentEvents,
            observer.StopReason);
    }

    private sealed record Outcome(
        string Sent, bool Terminal, string? Failure, WireUsage Usage, int ContentEvents, string? StopReason);
}

using System.Text;
using Forebay.Core.Errors;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Relay;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Gateway.Relay;

public sealed class EventBatchTests
{
    private static readonly byte[] Model = "\"atlas\""u8.ToArray();

    private static readonly string Anthropic = string.Concat(Answers.AnthropicStream);

    private static readonly string OpenAi = string.Concat(Answers.OpenAiStream(withUsage: true));

    /// <summary>What a relay would send of a stream read in pieces of the sizes given, over and over.</summary>
    private static Outcome Run(WireDialect dialect, string stream, byte[] cuts, bool removeUsage = false)
    {
        var budget = new MemoryBudget();
        using var buffer = new PooledBuffer(budget, 1 << 20);
        using var batch = new EventBatch(new MemoryBudget(), long.MaxValue);
        var observer = new StreamObserver(dialect, new StreamRewrite(Model, removeUsage));
        var sent = new StringBuilder();
        byte[] bytes = Encoding.UTF8.GetBytes(stream);
        int at = 0;
        bool content = false;
        bool halfEvent = false;
        for (int i = 0; batch is { Terminal: false, Failure: null }; i++)
        {
            int size = Math.Min(bytes.Length - at, cuts.Length == 0 ? 4096 : 1 + cuts[i % cuts.Length]);
            batch.Clear();
            Assert.True(buffer.TryReserve(size));
            bytes.AsSpan(at, size).CopyTo(buffer.Free.Span);
            buffer.Advance(size);
            batch.Read(buffer, observer, atEnd: size == 0);
            string events = Encoding.UTF8.GetString(batch.Events);
            halfEvent |= events.Length > 0 && !events.EndsWith("\n\n", StringComparison.Ordinal);
            content |= batch.HasContent;
            sent.Append(events);
            at += size;
            if (size == 0)
            {
                break;
            }
        }

        return new Outcome(sent.ToString(), batch.Terminal, content, halfEvent, batch.Failure?.Reason, batch.Failure?.Detail);
    }

    [Fact]
    public void However_an_anthropic_stream_is_cut_it_comes_out_the_same() => Prop.ForAll<byte[]>(cuts =>
    {
        Outcome outcome = Run(WireDialect.Anthropic, Anthropic, cuts);
        return outcome is { Terminal: true, Content: true, HalfEvent: false, Reason: null }
            && outcome.Sent == Anthropic.Replace("\"upstream-model\"", "\"atlas\"", StringComparison.Ordinal);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void However_an_openai_stream_is_cut_usage_is_taken_out_and_the_rest_is_the_same() => Prop.ForAll<byte[]>(
        cuts =>
        {
            Outcome outcome = Run(WireDialect.OpenAi, OpenAi, cuts, removeUsage: true);
            return outcome is { Terminal: true, Content: true, HalfEvent: false, Reason: null }
                && outcome.Sent == string.Concat(Answers.OpenAiStream(withUsage: false))
                    .Replace("\"upstream-model\"", "\"atlas\"", StringComparison.Ordinal);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void However_a_broken_stream_is_cut_the_whole_events_before_it_come_out() => Prop.ForAll<byte[]>(cuts =>
    {
        string before = string.Concat(Answers.AnthropicStream.Take(3));
        Outcome outcome = Run(WireDialect.Anthropic, before + "<html>\n\n" + Anthropic, cuts);
        return outcome is { Terminal: false, HalfEvent: false, Reason: Reason.UpstreamProtocol }
            && outcome.Sent == before.Replace("\"upstream-model\"", "\"atlas\"", StringComparison.Ordinal);
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("overloaded_error", Reason.UpstreamOverloaded, "in-stream error overloaded_error")]
    [InlineData("rate_limit_error", Reason.UpstreamOverloaded, "in-stream error rate_limit_error")]
    [InlineData("api_error", Reason.UpstreamUnavailable, "in-stream error api_error")]
    [InlineData("what the user wrote", Reason.UpstreamUnavailable, "in-stream error of no known type")]
    public void An_in_stream_error_is_named_without_its_message(string type, Reason reason, string detail)
    {
        string error = Answers.Named(
            "error", $$$"""{"type":"error","error":{"type":"{{{type}}}","message":"the prompt"}}""");

        Outcome outcome = Run(WireDialect.Anthropic, Answers.AnthropicStream[0] + error, []);

        Assert.Equal(reason, outcome.Reason);
        Assert.Equal(detail, outcome.Detail);
        Assert.DoesNotContain("the prompt", outcome.Sent);
    }

    [Fact]
    public void Nothing_after_the_end_comes_out()
    {
        Outcome outcome = Run(WireDialect.Anthropic, Anthropic + Answers.AnthropicStream[3], []);

        Assert.True(outcome.Terminal);
        Assert.EndsWith(Answers.AnthropicStream[^1], outcome.Sent);
    }

    /// <summary>A rewritten event stands in memory three times: as read, as rewritten, as it goes out.</summary>
    [Fact]
    public void The_copies_of_a_large_event_are_charged_while_it_is_in_hand()
    {
        byte[] large = Encoding.UTF8.GetBytes(Answers.AnthropicStream[0].Replace(
            "\"content\":[]", $"\"content\":[\"{new string('a', 1 << 20)}\"]", StringComparison.Ordinal));
        var budget = new MemoryBudget();
        using (var buffer = new PooledBuffer(new MemoryBudget(), long.MaxValue))
        {
            foreach ((long limit, bool fits) in ((long, bool)[])[(3L << 20, false), (8L << 20, true)])
            {
                using var batch = new EventBatch(budget, limit);
                Assert.True(buffer.TryReserve(large.Length));
                large.CopyTo(buffer.Free.Span);
                buffer.Advance(large.Length);
                batch.Read(buffer, new StreamObserver(WireDialect.Anthropic, new StreamRewrite(Model, false)), atEnd: false);

                Assert.Equal(fits ? null : Reason.MemoryBudget, batch.Failure?.Reason);
                Assert.Equal(fits, batch.HasEvents);
                buffer.Clear();
            }
        }

        Assert.Equal(0, budget.UsedBytes);
    }

    [Fact]
    public void An_end_that_does_not_fit_into_our_memory_is_a_failure_and_no_end()
    {
        var observer = new StreamObserver(WireDialect.Anthropic, default);
        foreach (string one in Answers.AnthropicStream)
        {
            using var buffer = new PooledBuffer(new MemoryBudget(), 1 << 20);
            using var batch = new EventBatch(new MemoryBudget(), budgetLimitBytes: 0);
            byte[] bytes = Encoding.UTF8.GetBytes(one);
            Assert.True(buffer.TryReserve(bytes.Length));
            bytes.CopyTo(buffer.Free);
            buffer.Advance(bytes.Length);
            batch.Read(buffer, observer, atEnd: false);
            Assert.Equal(Reason.MemoryBudget, batch.Failure!.Value.Reason);
            Assert.False(batch.Terminal);
            Assert.False(batch.HasEvents);
        }

        Assert.True(observer.Terminated);
    }

    private sealed record Outcome(
        string Sent, bool Terminal, bool Content, bool HalfEvent, Reason? Reason, string? Detail);
}

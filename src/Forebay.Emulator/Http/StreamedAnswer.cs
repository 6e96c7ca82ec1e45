using System.Buffers;
using Forebay.Core.Time;
using Forebay.Emulator.Engine;
using Forebay.Emulator.Faults;
using Microsoft.AspNetCore.Http;

namespace Forebay.Emulator.Http;

/// <summary>Writes an answer as a stream of events, as tokens come from the engine.</summary>
internal sealed class StreamedAnswer(
    HttpContext http,
    EmulatedDeployment deployment,
    AnswerContext context,
    IAnswerWriter writer,
    Generation generation,
    Fault? fault)
{
    /// <summary>Flushes in the middle of a long burst, so that a burst is not held in memory whole.</summary>
    private const int EventsPerFlush = 256;

    public async Task WriteAsync()
    {
        FaultKind? kind = fault?.Kind;
        bool strikes = kind is FaultKind.Cut or FaultKind.Stall or FaultKind.HalfEvent or FaultKind.Garbage;
        var sink = new EventSink(http.Response.BodyWriter, strikes ? (int)fault!.Value.Amount : int.MaxValue);
        double slowness = kind == FaultKind.Slow ? fault!.Value.Amount : 1;
        int seen = 0;
        Instant last = deployment.Clock.Now;
        while (seen < generation.OutputTokens && !sink.IsClosed)
        {
            int tokens = await generation.MoreThanAsync(seen);
            if (slowness > 1)
            {
                Instant now = deployment.Clock.Now;
                await deployment.Clock.DelayAsync(now.MsSince(last) * (slowness - 1), http.RequestAborted);
                last = deployment.Clock.Now;
            }

            if (seen == 0)
            {
                Begin(sink);
            }

            seen = await WriteTokensAsync(sink, seen, tokens);
            await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
        }

        if (!sink.IsClosed)
        {
            writer.End(sink);
            await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
        }

        await AfterAsync(sink);
    }

    private void Begin(EventSink sink)
    {
        context.CachedTokens = generation.CachedTokens;
        http.Response.ContentType = "text/event-stream; charset=utf-8";
        http.Response.Headers.CacheControl = "no-cache";
        if (fault?.Kind == FaultKind.WrongLength)
        {
            http.Response.ContentLength = int.MaxValue;
        }

        writer.Begin(sink);
    }

    private async ValueTask<int> WriteTokensAsync(EventSink sink, int seen, int tokens)
    {
        int events = 0;
        while (seen < tokens && !sink.IsClosed)
        {
            int to = Math.Min(tokens, seen + deployment.TokensPerEvent);
            writer.Tokens(sink, seen, to);
            seen = to;
            if (++events % EventsPerFlush == 0)
            {
                await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
            }
        }

        return seen;
    }

    /// <summary>What a fault does once its events are out.</summary>
    private async Task AfterAsync(EventSink sink)
    {
        if (fault?.Kind == FaultKind.WrongLength)
        {
            throw new ConnectionCutException();
        }

        if (!sink.IsClosed)
        {
            return;
        }

        switch (fault!.Value.Kind)
        {
            case FaultKind.Stall:
                await Task.Delay(Timeout.InfiniteTimeSpan, deployment.Clock.Time, http.RequestAborted);
                break;
            case FaultKind.Cut:
                throw new ConnectionCutException();
            case FaultKind.HalfEvent:
                http.Response.BodyWriter.Write(writer.HalfEvent);
                await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
                break;
            default:
                http.Response.BodyWriter.Write(Garbage.Bytes);
                await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
                break;
        }
    }
}

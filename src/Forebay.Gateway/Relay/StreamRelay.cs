using Forebay.Core.Errors;
using Forebay.Core.Time;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;

namespace Forebay.Gateway.Relay;

/// <summary>
/// Step 9 for streams: passes whole events on as they come, reads usage in passing, and records it before the last
/// event goes out. Half an event never reaches the client, so an error or a keep-alive can always follow.
/// </summary>
internal static class StreamRelay
{
    /// <summary>What a silent stream holds to read into; it grows while reads fill it, and shrinks again.</summary>
    private const int LeastReadBytes = 2 * 1024;

    private const int MostReadBytes = 16 * 1024;

    /// <summary>Largest single event; image output fits, an endless line does not.</summary>
    private const int MaxEventBytes = 32 * 1024 * 1024;

    private static readonly TimeSpan EndPatience = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Relays until the terminal event.
    /// </summary>
    /// <param name="x">The exchange; its stream is open.</param>
    /// <param name="source">The upstream's body.</param>
    /// <param name="observer">Reads events in passing; the caller takes usage from it afterwards.</param>
    /// <param name="clock">Deadlines.</param>
    /// <param name="runtime">Shared parts.</param>
    /// <param name="settle">Called exactly once when the terminal event is here, before it goes out.</param>
    /// <param name="translator">Says events in the client's dialect, where the upstream's is another.</param>
    public static async Task<AttemptResult> RunAsync(
        Exchange x,
        Stream source,
        StreamObserver observer,
        AttemptClock clock,
        GatewayRuntime runtime,
        Action settle,
        StreamTranslator? translator = null)
    {
        ClientStream client = x.Stream!;
        using var buffer = new PooledBuffer(runtime.Memory, x.Settings.MemoryBudgetBytes);
        using var batch = new EventBatch(runtime.Memory, x.Settings.MemoryBudgetBytes, translator, x.Answer?.Seam);
        int readBytes = LeastReadBytes;
        int atOnce = 0;
        while (true)
        {
            if (buffer.Length > MaxEventBytes)
            {
                return Broken(client, TooLarge);
            }

            if (!buffer.TryReserve(readBytes))
            {
                return BodyRelay.Broken(BodyRelay.OverBudget);
            }

            int room = buffer.Free.Length;
            ValueTask<int> reading = source.ReadAsync(buffer.Free, clock.Token);
            atOnce = reading.IsCompleted ? atOnce + 1 : 0;
            int read = await reading;
            if (atOnce >= LongWork.Turns || buffer.Length > LongWork.Bytes)
            {
                // An upstream and a client that are both fast must not keep a thread to themselves.
                atOnce = 0;
                await LongWork.ElsewhereAsync();
            }

            clock.Expect(AttemptPhase.Total);
            buffer.Advance(read);
            batch.Read(buffer, observer, atEnd: read == 0);
            if (read == 0 && !batch.Terminal)
            {
                return Broken(client, EndedEarly(insideAnEvent: buffer.Length > 0));
            }

            if (batch.Failure is { } failure && !batch.HasEvents)
            {
                return Broken(client, failure);
            }

            NoteProgress(x, batch, observer, runtime);
            if (batch.Terminal)
            {
                settle();
            }

            await DeliverAsync(x, client, batch);
            if (batch.Terminal)
            {
                await FinishReadingAsync(source, buffer, clock);
                return AttemptResult.Served;
            }

            if (batch.Failure is { } late)
            {
                return Broken(client, late);
            }

            batch.Clear();
            readBytes = NextReadBytes(readBytes, read, room);
            if (buffer.Length == 0)
            {
                buffer.Trim(readBytes);
            }

            clock.Expect(AttemptPhase.NextByte);
        }
    }

    private static Failure TooLarge => new(
        Reason.UpstreamProtocol, "The provider sent an event too large to relay.", Detail: "event size");

    private static Failure EndedEarly(bool insideAnEvent) => new(
        Reason.UpstreamCut, "The provider ended the answer early; try again.",
        Detail: insideAnEvent ? "ended inside an event" : "ended without its last event");

    private static int NextReadBytes(int readBytes, int read, int room) =>
        read == room ? Math.Min(2 * readBytes, MostReadBytes)
        : read < LeastReadBytes ? LeastReadBytes
        : readBytes;

    private static void NoteProgress(Exchange x, EventBatch batch, StreamObserver observer, GatewayRuntime runtime)
    {
        x.Service.Produced(observer.ContentEvents);
        x.NextSequence = batch.NextSequence(observer);
        if (batch.HasContent && x.FirstTokenNs == 0)
        {
            long nowNs = Instant.MonotonicNsOf(runtime.Time);
            Routing.FirstToken(x, nowNs);
            HealthJudge.FirstToken(x, observer.Usage, nowNs);
            if (x.TimeToFirstTokenMs < 0)
            {
                x.TimeToFirstTokenMs = (nowNs - x.Accepted.MonotonicNs) / (double)Instant.NsPerMs;
            }
        }
    }

    /// <summary>Reads the end that follows the last event, so that the connection can be used again. The client has
    /// everything already; an upstream that does not end at once costs its connection.</summary>
    private static async ValueTask FinishReadingAsync(Stream source, PooledBuffer buffer, AttemptClock clock)
    {
        try
        {
            buffer.Clear();
            clock.Within(EndPatience);
            _ = await source.ReadAsync(buffer.Free, clock.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidDataException)
        {
            // The answer is whole; only the connection is lost.
        }
    }

    /// <summary>Sends a batch, and notes what the client is told of by it.</summary>
    private static async ValueTask DeliverAsync(Exchange x, ClientStream client, EventBatch batch)
    {
        if (x.Issued is { } issued)
        {
            // Before the client can come back with it.
            IssuedState.ReadEvents(x.Wire, batch.Events, issued);
        }

        await SendAsync(client, batch, x.Http.RequestAborted);
        x.Answer?.Sent(batch.Events);
    }

    private static async ValueTask SendAsync(ClientStream client, EventBatch batch, CancellationToken cancel)
    {
        if (!batch.HasEvents)
        {
            return;
        }

        await client.AcquireAsync(cancel);
        try
        {
            if (batch.Events.Length > ClientStream.PieceBytes)
            {
                await client.WriteLargeAsync(batch.EventsMemory, content: batch.HasUpstreamEvents, cancel);
            }
            else
            {
                client.Write(batch.Events, content: batch.HasUpstreamEvents);
            }
        }
        catch
        {
            client.Abandon();
            throw;
        }

        await client.ReleaseAsync(cancel);
    }

    private static AttemptResult Broken(ClientStream client, Failure failure) =>
        client.HasContent && failure.Reason != Reason.MemoryBudget
            ? AttemptResult.Fail(failure)
            : BodyRelay.Broken(failure);
}

using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using Forebay.Core.Time;
using Forebay.Protocols;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Forebay.Gateway.Relay;

/// <summary>
/// The client's end of a stream. Only whole events are written, so a keep-alive or an error event can follow at any
/// time; the relay and the keep-alive sweep take turns through one gate, which also decides who owns the response:
/// until something is written it may be taken for a plain answer, and then nothing is streamed any more.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification =
    "The sweep may still hold the stream when its request ends, and a semaphore without a wait handle holds nothing.")]
internal sealed class ClientStream(HttpContext http, WireDialect dialect, TimeProvider time)
{
    /// <summary>Events that are larger together are sent by <see cref="WriteLargeAsync"/>.</summary>
    public const int PieceBytes = 64 * 1024;

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly PipeWriter _writer = http.Response.BodyWriter;
    private long _lastWriteNs = Instant.MonotonicNsOf(time);
    private long _flushStartedNs;
    private Action<HttpResponse>? _head;
    private bool _ended;

    /// <summary>The status line and headers went out: failures from here on are in-stream errors.</summary>
    public bool Started { get; private set; }

    /// <summary>Content went out: what was produced cannot be repeated elsewhere.</summary>
    public bool HasContent { get; private set; }

    /// <summary>A write found the connection closed. The request's own token says so a moment later.</summary>
    public bool ClientLeft { get; private set; }

    /// <summary>The client stopped reading and its connection is being cut.</summary>
    public bool Stalled { get; private set; }

    /// <summary>Monotonic time since which a write has been waiting for the client to read; 0 when none is.</summary>
    public long FlushStartedNs => Volatile.Read(ref _flushStartedNs);

    /// <summary>Takes the gate; nothing else is written until <see cref="ReleaseAsync"/>.</summary>
    public ValueTask AcquireAsync(CancellationToken cancel) => new(_gate.WaitAsync(cancel));

    /// <summary>Takes the response for a plain answer. True when nothing went out, and from then on nothing will;
    /// false when the stream has begun.</summary>
    public async ValueTask<bool> TryTakeAsync(CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel);
        try
        {
            _ended |= !Started;
            return !Started;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Sets what the head will say if the stream begins with an upstream's event; a later attempt's replaces
    /// it, and a stream that keep-alives began goes without.</summary>
    public async ValueTask SetHeadAsync(Action<HttpResponse> head, CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel);
        _head = head;
        _gate.Release();
    }

    /// <summary>Nothing is written after this: the connection's next request must not be written into.</summary>
    public async ValueTask CloseAsync()
    {
        await _gate.WaitAsync(CancellationToken.None);
        _ended = true;
        _gate.Release();
    }

    /// <summary>Adds a whole event. Only between acquire and release.</summary>
    public void Write(ReadOnlySpan<byte> wholeEvent, bool content)
    {
        Start(content ? _head : null);
        HasContent |= content;
        wholeEvent.CopyTo(_writer.GetSpan(wholeEvent.Length));
        _writer.Advance(wholeEvent.Length);
    }

    /// <summary>Adds whole events that are large together, sending them piece by piece: the server then holds no second
    /// copy of all, and a client that reads slowly is told from one that stopped. Only between acquire and release.
    /// </summary>
    public async ValueTask WriteLargeAsync(ReadOnlyMemory<byte> wholeEvents, bool content, CancellationToken cancel)
    {
        for (int at = 0; at < wholeEvents.Length; at += PieceBytes)
        {
            Write(wholeEvents.Span.Slice(at, Math.Min(PieceBytes, wholeEvents.Length - at)), content);
            await FlushAsync(cancel);
        }
    }

    /// <summary>Sends what was written and gives the gate back.</summary>
    public async ValueTask ReleaseAsync(CancellationToken cancel)
    {
        try
        {
            await FlushAsync(cancel);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Cuts the connection: its client stopped reading.</summary>
    public void Cut()
    {
        Stalled = true;
        ClientCut.Abort(http);
    }

    /// <summary>Gives the gate back without sending.</summary>
    public void Abandon() => _gate.Release();

    /// <summary>Writes the last bytes; nothing follows them.</summary>
    public async ValueTask EndAsync(ReadOnlyMemory<byte> last, CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel);
        try
        {
            if (!_ended)
            {
                _ended = true;
                if (!last.IsEmpty)
                {
                    Write(last.Span, content: false);
                }

                await FlushAsync(cancel);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Sends a keep-alive if nothing was sent for that long and nothing is being sent now.</summary>
    public async Task KeepAliveAsync(Instant now, TimeSpan silence)
    {
        if (now.MonotonicNs - Volatile.Read(ref _lastWriteNs) < silence.Ticks * 100
            || !await _gate.WaitAsync(TimeSpan.Zero))
        {
            return;
        }

        try
        {
            if (!_ended && !http.RequestAborted.IsCancellationRequested)
            {
                Write(KeepAlive.For(dialect, HasContent).Span, content: false);
                await FlushAsync(http.RequestAborted);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            // The client went away while the keep-alive was on its way; the relay finds out by itself.
        }
        finally
        {
            _gate.Release();
        }
    }

    private void Start(Action<HttpResponse>? head)
    {
        if (Started)
        {
            return;
        }

        Started = true;
        HttpResponse response = http.Response;
        head?.Invoke(response);
        // How long a client may stall is ours to say (client_stall_seconds), not the server's minimum rate.
        if (http.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        response.StatusCode = StatusCodes.Status200OK;
        response.Headers.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        // Tells reverse proxies in front of us (nginx) not to hold events back.
        response.Headers["X-Accel-Buffering"] = "no";
    }

    private async ValueTask FlushAsync(CancellationToken cancel)
    {
        Volatile.Write(ref _flushStartedNs, Instant.MonotonicNsOf(time));
        FlushResult result = await _writer.FlushAsync(cancel);
        long now = Instant.MonotonicNsOf(time);
        Volatile.Write(ref _flushStartedNs, 0);
        Volatile.Write(ref _lastWriteNs, now);
        if (result.IsCompleted)
        {
            ClientLeft = true;
            throw new OperationCanceledException("The client closed the connection.");
        }
    }
}

using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using Forebay.Core.Time;
using Forebay.Protocols;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Relay;

/// <summary>
/// The client's end of a stream. Only whole events are written, so a keep-alive or an error event can follow at any
/// time; the relay and the keep-alive sweep take turns through one gate. Until something is written the response may
/// still become a plain error.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification =
    "The sweep may still hold the stream when its request ends, and a semaphore without a wait handle holds nothing.")]
internal sealed class ClientStream(HttpContext http, WireDialect dialect, TimeProvider time)
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly PipeWriter _writer = http.Response.BodyWriter;
    private long _lastWriteNs = Instant.From(time).MonotonicNs;
    private long _flushStartedNs;
    private bool _ended;

    /// <summary>The status line and headers went out: failures from here on are in-stream errors.</summary>
    public bool Started { get; private set; }

    /// <summary>Content went out: what was produced cannot be repeated elsewhere.</summary>
    public bool HasContent { get; private set; }

    /// <summary>A write found the connection closed. The request's own token says so a moment later.</summary>
    public bool ClientLeft { get; private set; }

    /// <summary>Monotonic time since which a write has been waiting for the client to read; 0 when none is.</summary>
    public long FlushStartedNs => Volatile.Read(ref _flushStartedNs);

    /// <summary>Takes the gate; nothing else is written until <see cref="ReleaseAsync"/>.</summary>
    public ValueTask AcquireAsync(CancellationToken cancel) => new(_gate.WaitAsync(cancel));

    /// <summary>Adds a whole event. Only between acquire and release.</summary>
    public void Write(ReadOnlySpan<byte> wholeEvent, bool content)
    {
        Start();
        HasContent |= content;
        wholeEvent.CopyTo(_writer.GetSpan(wholeEvent.Length));
        _writer.Advance(wholeEvent.Length);
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

    private void Start()
    {
        if (Started)
        {
            return;
        }

        Started = true;
        HttpResponse response = http.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.Headers.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        // Tells reverse proxies in front of us (nginx) not to hold events back.
        response.Headers["X-Accel-Buffering"] = "no";
    }

    private async ValueTask FlushAsync(CancellationToken cancel)
    {
        Volatile.Write(ref _flushStartedNs, Instant.From(time).MonotonicNs);
        FlushResult result = await _writer.FlushAsync(cancel);
        long now = Instant.From(time).MonotonicNs;
        Volatile.Write(ref _flushStartedNs, 0);
        Volatile.Write(ref _lastWriteNs, now);
        if (result.IsCompleted)
        {
            ClientLeft = true;
            throw new OperationCanceledException("The client closed the connection.");
        }
    }
}

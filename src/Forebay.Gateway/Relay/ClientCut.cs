using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Relay;

/// <summary>
/// Writes a whole answer, and cuts the connection of a client that does not take up a piece of it in time: Kestrel's
/// own minimum rate would grant an answer of megabytes hours, with its memory and its place at the deployment held.
/// </summary>
internal sealed class ClientCut(HttpContext http, TimeSpan patience, TimeProvider time) : IDisposable
{
    /// <summary>Small, so that only a client that has all but stopped is cut, and not one that is slow.</summary>
    private const int PieceBytes = 16 * 1024;

    private ITimer? _timer;

    /// <summary>The client was cut.</summary>
    public bool Stalled { get; private set; }

    /// <summary>Cuts a connection. The request may end at this very moment, and its context with it.</summary>
    public static void Abort(HttpContext http)
    {
        try
        {
            http.Abort();
        }
        catch (ObjectDisposedException)
        {
            // Then there is nothing left to cut.
        }
    }

    /// <exception cref="OperationCanceledException">The client went away, or was cut.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        for (int at = 0; at < bytes.Length; at += PieceBytes)
        {
            ReadOnlyMemory<byte> piece = bytes.Slice(at, Math.Min(PieceBytes, bytes.Length - at));
            ValueTask write = http.Response.Body.WriteAsync(piece, http.RequestAborted);
            if (!write.IsCompleted)
            {
                // Most answers fit into the server's buffers and never come here.
                _timer ??= time.CreateTimer(
                    static s => ((ClientCut)s!).Cut(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _timer.Change(patience, Timeout.InfiniteTimeSpan);
            }

            await write;
            _timer?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            if (Stalled)
            {
                throw new OperationCanceledException("The client stopped reading.");
            }
        }
    }

    public void Dispose() => _timer?.Dispose();

    private void Cut()
    {
        Stalled = true;
        Abort(http);
    }
}

using System.Collections.Concurrent;
using System.Net.Sockets;

namespace Forebay.Gateway.Upstreams;

/// <summary>The connections of one upstream that are open now, so that all can be closed at once and none be opened
/// until further notice.</summary>
internal sealed class OpenSockets
{
    private readonly ConcurrentDictionary<Socket, bool> _open = new();
    private bool _closed;

    /// <summary>A stream over a connected socket, which it owns.</summary>
    /// <exception cref="SocketException">Connections are refused now.</exception>
    public Stream Open(Socket socket)
    {
        _open.TryAdd(socket, true);
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _closed))
        {
            // Whoever closes looks at what is open after saying so: one of the two finds this connection.
            _open.TryRemove(socket, out _);
            throw new SocketException((int)SocketError.ConnectionRefused);
        }

        return new Tracked(socket, this);
    }

    /// <summary>Lets connections be opened again.</summary>
    public void Reopen() => Volatile.Write(ref _closed, false);

    /// <summary>Closes all that are open, and refuses new ones. What reads or writes on them fails as if the other end
    /// had gone.</summary>
    public int CloseAll()
    {
        Volatile.Write(ref _closed, true);
        Interlocked.MemoryBarrier();
        int closed = 0;
        foreach (Socket socket in _open.Keys)
        {
            if (_open.TryRemove(socket, out _))
            {
                // Not disposed here: its stream does that, once whoever reads or writes has been told.
                Shut(socket);
                closed++;
            }
        }

        return closed;
    }

    private static void Shut(Socket socket)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed by the other end or by its stream meanwhile.
        }
    }

    private sealed class Tracked(Socket socket, OpenSockets among) : NetworkStream(socket, ownsSocket: true)
    {
        protected override void Dispose(bool disposing)
        {
            among._open.TryRemove(Socket, out _);
            base.Dispose(disposing);
        }
    }
}

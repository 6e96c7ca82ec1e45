using System.Net;
using System.Net.Sockets;
using Forebay.Core.Fleet;
using Forebay.Gateway.Telemetry;
using Microsoft.AspNetCore.Connections;

namespace Forebay.Gateway.Connections;

/// <summary>
/// Bounds the connections that are open at once, in all and from one address, before a byte of them is read. Both
/// bounds are read for each connection, so a reload changes them for the next one. IPv6 addresses count by their first
/// 64 bits, which is what one customer of a network gets.
/// </summary>
internal sealed class ConnectionGate(FleetState state, GatewayMetrics metrics, bool plain)
{
    private const int Ipv6PrefixBytes = 8;

    private static readonly byte[] Answer = (
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 1\r\n" +
        "x-forebay-reason: overloaded\r\n\r\n").Select(c => (byte)c).ToArray();

    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, int> _byAddress = [];
    private int _open;

    /// <summary>Connections open now.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Puts the gate before everything else that a connection goes through.</summary>
    public ConnectionDelegate Guard(ConnectionDelegate next) => async connection =>
    {
        IPAddress address = NetworkOf((connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None);
        if (Enter(address) is { } bound)
        {
            metrics.ConnectionRefused(bound);
            await RefuseAsync(connection);
            return;
        }

        try
        {
            await next(connection);
        }
        finally
        {
            Leave(address);
        }
    };

    /// <summary>What stands for an address when connections are counted.</summary>
    internal static IPAddress NetworkOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }

        byte[] bytes = address.GetAddressBytes();
        Array.Clear(bytes, Ipv6PrefixBytes, bytes.Length - Ipv6PrefixBytes);
        return new IPAddress(bytes);
    }

    /// <summary>The bound that a connection would pass, or null when it was let in.</summary>
    private string? Enter(IPAddress address)
    {
        GatewayConfig settings = state.Model.Config.Server.Gateway;
        lock (_lock)
        {
            if (_open >= settings.MaxConnections)
            {
                return "max_connections";
            }

            int fromHere = _byAddress.GetValueOrDefault(address);
            if (fromHere >= settings.MaxConnectionsPerAddress)
            {
                return "max_connections_per_address";
            }

            _byAddress[address] = fromHere + 1;
            _open++;
            return null;
        }
    }

    private void Leave(IPAddress address)
    {
        lock (_lock)
        {
            _open--;
            if (--_byAddress[address] == 0)
            {
                _byAddress.Remove(address);
            }
        }
    }

    /// <summary>Over TLS there is no way to say why before a handshake, which is what a flood would have us spend.
    /// </summary>
    private async ValueTask RefuseAsync(ConnectionContext connection)
    {
        if (!plain)
        {
            connection.Abort();
            return;
        }

        try
        {
            await connection.Transport.Output.WriteAsync(Answer);
            await connection.Transport.Output.CompleteAsync();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
        {
            // It left before it was refused.
        }
    }
}

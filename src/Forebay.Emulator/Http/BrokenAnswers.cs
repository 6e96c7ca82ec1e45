namespace Forebay.Emulator.Http;

/// <summary>
/// Ends a connection in the middle of a response, on purpose. Thrown out of the handler, because the server then sends
/// what was written and closes; an abort would reset the connection and lose what the client has not read.
/// </summary>
internal sealed class ConnectionCutException() : Exception("The emulated fault ends the connection here.");

/// <summary>Bytes that are neither an event nor JSON nor UTF-8.</summary>
internal static class Garbage
{
    private static readonly byte[] Value =
        [.. "<html>\u0007 502 "u8, 0xFF, 0xFE, 0x00, 0xC3, 0x28, .. "\ndata: {]\n\n"u8];

    public static ReadOnlySpan<byte> Bytes => Value;
}

namespace Forebay.Gateway;

/// <summary>
/// Whether requests run on the threads that wait for sockets, as in an event loop, instead of being handed to the
/// thread pool at each read. It saves a good part of the gateway's work per request, and is safe because nothing on the
/// path of a request waits but for the journal's write: what takes long is handed to the pool
/// (<see cref="LongWork"/>), the journal syncs there, and the log drops lines rather than wait. docs/decisions/0007.
/// </summary>
public static class SocketThreads
{
    private const string Switch = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>Whether completions run where they arrive.</summary>
    public static bool RunCompletions => Environment.GetEnvironmentVariable(Switch) == "1";

    /// <summary>Lets them. Only before the process opens its first socket; an operator's own setting stays.</summary>
    public static void LetRunCompletions()
    {
        if (Environment.GetEnvironmentVariable(Switch) is null)
        {
            Environment.SetEnvironmentVariable(Switch, "1");
        }
    }
}

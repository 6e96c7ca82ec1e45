namespace Forebay.Gateway;

/// <summary>
/// Whether requests run on the threads that wait for sockets, as in an event loop, instead of being handed to the
/// thread pool at each read. It saves about a third of the gateway's work per request, and is safe because nothing on
/// the path of a request blocks: bodies that take long to parse are handed to the pool (see <c>Acceptance</c>), the
/// journal syncs on a thread of its own, and the log drops lines rather than wait. docs/decisions/0007.
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

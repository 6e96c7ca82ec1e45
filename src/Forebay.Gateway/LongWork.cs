using System.Runtime.CompilerServices;

namespace Forebay.Gateway;

/// <summary>
/// Hands work that takes long to the thread pool: other connections wait on the thread that a request runs on, where it
/// is one that waits for sockets.
/// </summary>
internal static class LongWork
{
    /// <summary>Bytes that take longer than about a third of a millisecond to parse, translate or hash.</summary>
    public const int Bytes = 256 * 1024;

    /// <summary>Reads or writes that were done at once, one after the other, until others get their turn.</summary>
    public const int Turns = 32;

    /// <summary>Goes on in the pool.</summary>
    public static ConfiguredTaskAwaitable ElsewhereAsync() =>
        Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
}

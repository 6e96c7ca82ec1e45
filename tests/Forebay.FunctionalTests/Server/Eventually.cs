using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>Waits for what another process does in its own time. The deadline is only there to end a broken test.
/// </summary>
internal static class Eventually
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> explain)
    {
        long started = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(Look, TimeProvider.System);
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Deadline, explain());
            await timer.WaitForNextTickAsync();
        }
    }

    public static Task TrueAsync(Func<bool> condition, Func<string> explain) =>
        TrueAsync(() => Task.FromResult(condition()), explain);

    /// <summary>Bounds a wait that a broken product would make endless.</summary>
    public static Task<T> Within<T>(Task<T> task) => task.WaitAsync(Deadline, TimeProvider.System);

    /// <inheritdoc cref="Within{T}"/>
    public static Task Within(Task task, TimeSpan? deadline = null) =>
        task.WaitAsync(deadline ?? Deadline, TimeProvider.System);
}

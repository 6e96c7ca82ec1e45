using System.Runtime.InteropServices;
using Forebay.Control.Errors;
using Forebay.Storage;
using Microsoft.Extensions.Logging;

namespace Forebay.Serve;

/// <summary>
/// Runs a server until it is told to stop: the first SIGINT or SIGTERM drains, a second one exits at once, SIGHUP
/// reloads the fleet file and the certificates.
/// </summary>
public static class ServerRun
{
    /// <param name="settings">What to run.</param>
    /// <param name="logs">Where logs go.</param>
    /// <param name="announce">Called once when it serves.</param>
    /// <param name="error">Where problems at start are told.</param>
    /// <returns>Exit code: 0 after an orderly stop, 1 when it could not start.</returns>
    public static async Task<int> RunAsync(
        ServeSettings settings,
        ILoggerFactory logs,
        Action<ForebayServer> announce,
        TextWriter error)
    {
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var starting = new CancellationTokenSource();
        int signals = 0;
        void OnStop(PosixSignalContext context)
        {
            context.Cancel = true;
            if (Interlocked.Increment(ref signals) > 1)
            {
                Environment.Exit(1);
            }

            starting.Cancel();
            stop.TrySetResult();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnStop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnStop);
        try
        {
            await using ForebayServer server = await ForebayServer.StartAsync(
                settings, TimeProvider.System, logs, starting.Token);
            using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                _ = server.ReloadAsync(CancellationToken.None);
            });
            announce(server);
            await stop.Task;
            await server.StopAsync(CancellationToken.None);
            return 0;
        }
        catch (Exception e) when (e is StartException or RefusedException or StorageException or IOException
            or UnauthorizedAccessException)
        {
            await error.WriteLineAsync(e.Message);
            return 1;
        }
        catch (OperationCanceledException) when (starting.IsCancellationRequested)
        {
            return 1;
        }
    }
}

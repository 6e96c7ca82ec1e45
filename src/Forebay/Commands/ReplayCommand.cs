using System.CommandLine;
using System.Reflection;
using Forebay.Commands.Connection;
using Forebay.Simulation.Replay;
using Forebay.Simulation.Traces;

namespace Forebay.Commands;

/// <summary>
/// <c>forebay replay</c>: sends a trace of real traffic as real requests and reports what came back. Exit status 0 when
/// the whole trace was sent and every request succeeded, 1 otherwise.
/// </summary>
public static class ReplayCommand
{
    public static Command Create()
    {
        var command = new Command("replay", "Replays a trace as real requests, open loop, and reports latencies.");
        foreach (Option option in ReplayArguments.Options)
        {
            command.Options.Add(option);
        }

        command.SetAction((parse, cancel) => AdminAction.GuardAsync(parse, async () =>
        {
            try
            {
                return await RunAsync(parse, cancel).ConfigureAwait(false);
            }
            catch (Exception e) when (e is TraceFormatException or FormatException or HttpRequestException)
            {
                throw new CommandException(e.Message, e);
            }
            catch (OperationCanceledException e) when (cancel.IsCancellationRequested)
            {
                throw new CommandException("Stopped before the first request was sent.", e);
            }
        }));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, CancellationToken cancel)
    {
        var arguments = new ReplayArguments(parse);
        (Uri url, string? given) = arguments.Server();

        // Read to its end once before the first request leaves: a broken file sends nothing.
        IEnumerable<TraceRequest> trace = arguments.OpenTrace();
        var summary = TraceSummary.Of(arguments.TraceName, trace);
        await using BorrowedKey? borrowed = given is null
            ? await arguments.BorrowKeyAsync(cancel).ConfigureAwait(false)
            : null;
        using HttpClient http = CreateClient();
        ReplayOptions options = await arguments
            .ToOptionsAsync(http, url, given ?? borrowed!.Secret, cancel)
            .ConfigureAwait(false);
        var run = new ReplayRun(options, http, TimeProvider.System);
        Task<ReplayReport> running = run.ExecuteAsync(trace, summary, Version(), cancel);
        await ReplayProgressView.ShowAsync(run, running, summary, arguments.Speed, TimeProvider.System)
            .ConfigureAwait(false);
        ReplayReport report = await running.ConfigureAwait(false);
        await parse.InvocationConfiguration.Output
            .WriteAsync(arguments.Json ? report.ToJson() + "\n" : ReplayReportText.Text(report)).ConfigureAwait(false);
        if (arguments.Markdown is { } file)
        {
            await File.WriteAllTextAsync(file.FullName, ReplayReportText.Markdown(report), CancellationToken.None)
                .ConfigureAwait(false);
        }

        return report.AllSucceeded ? 0 : AdminAction.Failed;
    }

    /// <summary>As many connections as requests in flight, and none waited for when the run is stopped: draining
    /// abandoned streams would take 2 s.</summary>
    private static HttpClient CreateClient() => new(new SocketsHttpHandler
    {
        MaxConnectionsPerServer = int.MaxValue,
        UseCookies = false,
        AllowAutoRedirect = false,
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
        ResponseDrainTimeout = TimeSpan.Zero,
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private static string Version() =>
        typeof(ReplayCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion
        ?? throw new InvalidOperationException("The build writes a version into every assembly.");
}

using System.CommandLine;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using Forebay.Commands.Connection;
using Forebay.Simulation.Replay;
using Forebay.Simulation.Replay.Reports;
using Forebay.Simulation.Traces;

namespace Forebay.Commands.Replay;

/// <summary>
/// <c>forebay replay</c>: sends a trace, or traffic like a published one, as real requests and reports what came back.
/// Exit status 0 when the whole trace was sent and every request succeeded, 1 otherwise.
/// </summary>
public static class ReplayCommand
{
    public static Command Create()
    {
        var command = new Command(
            "replay",
            "Sends a trace or a generated workload as real requests, open loop, and reports what came back.");
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
        var origin = new ReplayOrigin(Version(), Machine(), arguments.InWords);
        Task<ReplayReport> running = run.ExecuteAsync(trace, summary, origin, cancel);
        await ReplayProgressView.ShowAsync(run, running, summary, arguments.Speed, TimeProvider.System)
            .ConfigureAwait(false);
        ReplayReport report = await running.ConfigureAwait(false);
        if (borrowed is not null)
        {
            report = await WithLedgerAsync(report, borrowed, parse).ConfigureAwait(false);
        }

        await parse.InvocationConfiguration.Output
            .WriteAsync(arguments.Json ? report.ToJson() + "\n" : ReplayReportText.Text(report)).ConfigureAwait(false);
        await WriteAsync(arguments.Markdown, () => ReplayReportText.Markdown(report)).ConfigureAwait(false);
        await WriteAsync(arguments.Html, () => ReplayReportHtml.Page(report)).ConfigureAwait(false);
        return report.AllSucceeded ? 0 : AdminAction.Failed;
    }

    /// <summary>A run that ends with its server gone still has its own report.</summary>
    private static async Task<ReplayReport> WithLedgerAsync(ReplayReport report, BorrowedKey key, ParseResult parse)
    {
        try
        {
            return report with { Ledger = await ReplayLedger.ReadAsync(key, report).ConfigureAwait(false) };
        }
        catch (CommandException e)
        {
            await parse.InvocationConfiguration.Error
                .WriteLineAsync($"forebay: the usage ledger could not be read, so the report has no cost. {e.Message}")
                .ConfigureAwait(false);
            return report;
        }
    }

    private static async Task WriteAsync(FileInfo? file, Func<string> report)
    {
        if (file is not null)
        {
            await File.WriteAllTextAsync(file.FullName, report(), CancellationToken.None).ConfigureAwait(false);
        }
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

    /// <summary>The sender's machine as far as it tells on the times: no name, no address.</summary>
    private static string Machine() => string.Create(
        CultureInfo.InvariantCulture,
        $"{RuntimeInformation.RuntimeIdentifier}, {Environment.ProcessorCount} cores, " +
        $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1L << 30)} GiB");

    /// <summary>The version and, where the build knows it, the first seven digits of the commit.</summary>
    private static string Version()
    {
        string full = typeof(ReplayCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
                ?.InformationalVersion
            ?? throw new InvalidOperationException("The build writes a version into every assembly.");
        return full.Split('+', 2) is [var version, { Length: >= 7 } commit]
            ? $"{version} (commit {commit[..7]})"
            : full;
    }
}

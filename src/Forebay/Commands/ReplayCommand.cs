using System.CommandLine;
using System.Reflection;
using System.Security.Cryptography;
using Forebay.Simulation.Replay;
using Forebay.Simulation.Traces;

namespace Forebay.Commands;

/// <summary><c>forebay replay</c>: sends a trace of real traffic as real requests and reports what came back.</summary>
public static class ReplayCommand
{
    private const int Succeeded = 0;
    private const int Failed = 1;

    public static Command Create()
    {
        var trace = new Option<FileInfo?>("--trace")
        {
            HelpName = "FILE",
            Description = "Azure LLM inference trace (CSV). Left out: a generated trace of the same shape.",
        };
        var speed = new Option<double>("--speed")
        {
            HelpName = "FACTOR",
            Description = "Arrivals per arrival of the trace: 10 replays an hour in six minutes.",
            DefaultValueFactory = _ => 1,
        };
        var url = new Option<string?>("--url")
        {
            HelpName = "URL",
            Description = "Base URL of the server; else FOREBAY_URL.",
        };
        var key = new Option<string?>("--key") { HelpName = "KEY", Description = "API key; else FOREBAY_API_KEY." };
        var limit = new Option<int?>("--limit")
        {
            HelpName = "N",
            Description = "Send only the first N requests of the trace.",
        };
        var dialect = new Option<string>("--dialect")
        {
            Description = "Wire format; with mixed each request draws one.",
            DefaultValueFactory = _ => "mixed",
        };
        dialect.AcceptOnlyFromAmong("mixed", "anthropic", "openai");
        var model = new Option<string[]>("--model")
        {
            HelpName = "MODEL",
            Description = "Model to ask for, or MODEL=WEIGHT; may be given again. Left out: all that the key may use.",
        };
        var seed = new Option<ulong>("--seed")
        {
            HelpName = "N",
            Description = "Decides the generated trace and each request's model and dialect.",
            DefaultValueFactory = _ => 1,
        };
        var maxInFlight = new Option<int>("--max-in-flight")
        {
            HelpName = "N",
            Description = "Most requests waiting at once; those due beyond are counted as not sent.",
            DefaultValueFactory = _ => 10_000,
        };
        var timeout = new Option<double>("--timeout")
        {
            HelpName = "SECONDS",
            Description = "Seconds to wait for one whole answer.",
            DefaultValueFactory = _ => 600,
        };
        var json = new Option<bool>("--json") { Description = "Write the report as JSON to standard output." };
        var markdown = new Option<FileInfo?>("--markdown")
        {
            HelpName = "FILE",
            Description = "Also write the report to this file.",
        };
        var command = new Command("replay", "Replays a trace as real requests, open loop, and reports latencies.")
        {
            trace, speed, url, key, limit, dialect, model, seed, maxInFlight, timeout, json, markdown,
        };
        command.SetAction((parsed, cancel) => RunAsync(
            new ReplayArguments
            {
                Trace = parsed.GetValue(trace),
                Speed = parsed.GetValue(speed),
                Url = parsed.GetValue(url),
                Key = parsed.GetValue(key),
                Limit = parsed.GetValue(limit),
                Dialect = Enum.Parse<ReplayDialect>(parsed.GetRequiredValue(dialect), ignoreCase: true),
                Models = parsed.GetValue(model) ?? [],
                Seed = parsed.GetValue(seed),
                MaxInFlight = parsed.GetValue(maxInFlight),
                TimeoutSeconds = parsed.GetValue(timeout),
                Json = parsed.GetValue(json),
                Markdown = parsed.GetValue(markdown),
            },
            cancel));
        return command;
    }

    private static async Task<int> RunAsync(ReplayArguments arguments, CancellationToken cancel)
    {
        try
        {
            return await ReplayAsync(arguments, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is ReplayRefusedException or TraceFormatException or FormatException
            or HttpRequestException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return Failed;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Stopped before the first request was sent.").ConfigureAwait(false);
            return Failed;
        }
    }

    private static async Task<int> ReplayAsync(ReplayArguments arguments, CancellationToken cancel)
    {
        (Uri url, string key) = arguments.Server();
        IEnumerable<TraceRequest> trace = arguments.OpenTrace();
        var summary = TraceSummary.Of(arguments.TraceName, trace);
        using var handler = new SocketsHttpHandler
        {
            MaxConnectionsPerServer = int.MaxValue,
            UseCookies = false,
            AllowAutoRedirect = false,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),

            // A stopped run leaves at once: waiting for the rest of abandoned streams would take 2 s.
            ResponseDrainTimeout = TimeSpan.Zero,
        };
        using var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        var options = new ReplayOptions
        {
            BaseUrl = url,
            ApiKey = key,
            Models = arguments.Models.Length > 0
                ? ModelMix.Parse(arguments.Models)
                : await ModelMix.FetchAsync(http, url, key, cancel).ConfigureAwait(false),
            Dialect = arguments.Dialect,
            Speed = arguments.Speed,
            Seed = arguments.Seed,
            RunId = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))),
            MaxInFlight = arguments.MaxInFlight,
            RequestTimeout = TimeSpan.FromSeconds(arguments.TimeoutSeconds),
        };
        var run = new ReplayRun(options, http, TimeProvider.System);
        Task<ReplayReport> running = run.ExecuteAsync(trace, summary, Version(), cancel);
        await ReplayProgressView.ShowAsync(run, running, summary, arguments.Speed, TimeProvider.System)
            .ConfigureAwait(false);
        ReplayReport report = await running.ConfigureAwait(false);
        Console.Out.Write(arguments.Json ? report.ToJson() + Environment.NewLine : ReplayReportText.Text(report));
        if (arguments.Markdown is { } file)
        {
            await File.WriteAllTextAsync(file.FullName, ReplayReportText.Markdown(report), CancellationToken.None)
                .ConfigureAwait(false);
        }

        return report.AllSucceeded ? Succeeded : Failed;
    }

    private static string Version() =>
        typeof(ReplayCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion
        ?? throw new InvalidOperationException("The build writes a version into every assembly.");
}

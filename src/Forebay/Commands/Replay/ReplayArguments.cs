using System.CommandLine;
using System.Security.Cryptography;
using Forebay.Commands.Connection;
using Forebay.Simulation.Replay;
using Forebay.Simulation.Traces;
using Forebay.Simulation.Workloads;

namespace Forebay.Commands.Replay;

/// <summary>What <c>forebay replay</c> was asked, checked: a mistake shows before the first request is sent.</summary>
internal sealed class ReplayArguments(ParseResult parsed)
{
    private const string UrlVariable = "FOREBAY_URL";
    private const string KeyVariable = "FOREBAY_API_KEY";
    private const double MaxTimeoutSeconds = 86_400;
    private const double DefaultWorkloadMinutes = 10;

    private static readonly Option<FileInfo?> TraceOption = new("--trace")
    {
        Description = "Trace to send: Azure LLM inference (CSV) or Mooncake (JSON lines). Left out: a workload.",
        HelpName = "FILE",
    };

    private static readonly Option<string> WorkloadOption = new Option<string>("--workload")
    {
        Description = "What to generate where no trace is given, from published statistics.",
        DefaultValueFactory = _ => PublishedWorkloads.Conversation.Name,
    }.AcceptOnlyFromAmong([.. PublishedWorkloads.All.Select(w => w.Name)]);

    private static readonly Option<double?> RateOption = new("--rate")
    {
        Description = "Requests a second of the workload at speed 1. Left out: as published.",
        HelpName = "R",
    };

    private static readonly Option<double?> MinutesOption = new("--minutes")
    {
        Description = "Send only what begins in the first minutes of the trace. A workload without --minutes and " +
            "--limit is 10 minutes long.",
        HelpName = "M",
    };

    private static readonly Option<bool> SessionsOption = new("--sessions")
    {
        Description = "Group a Mooncake trace into the conversations that its blocks imply: each turn waits for the " +
            "answer before it.",
    };

    private static readonly Option<double> ThinkOption = new("--think")
    {
        Description = "With --sessions: least seconds between an answer and the next turn, at speed 1.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<double> SpeedOption = new("--speed")
    {
        Description = "Arrivals per arrival of the trace: 10 replays an hour in six minutes.",
        HelpName = "FACTOR",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<string?> UrlOption = new("--url")
    {
        Description = $"Base URL of the server. Else ${UrlVariable}, else the server on the data directory.",
        HelpName = "URL",
    };

    private static readonly Option<string?> KeyOption = new("--key")
    {
        Description = $"API key. Else ${KeyVariable} (others see command lines), else one made for the run on the " +
            "data directory's server.",
        HelpName = "KEY",
    };

    private static readonly Option<string> TenantOption = new("--tenant")
    {
        Description = "Tenant that a key is made for where none is given.",
        HelpName = "TENANT",
        DefaultValueFactory = _ => "demo",
    };

    private static readonly Option<string?> DataOption = DataLocation.CreateOption();

    private static readonly Option<int?> LimitOption = new("--limit")
    {
        Description = "Send only the first N requests, every turn counted.",
        HelpName = "N",
    };

    private static readonly Option<string> DialectOption = new Option<string>("--dialect")
    {
        Description = "Wire format; with mixed each request draws one.",
        DefaultValueFactory = _ => "mixed",
    }.AcceptOnlyFromAmong("mixed", "anthropic", "openai");

    private static readonly Option<string[]> ModelOption = new("--model")
    {
        Description = "Model to ask for, or MODEL=WEIGHT; may be given again. Left out: all that the key may use.",
        HelpName = "MODEL",
        DefaultValueFactory = _ => [],
    };

    private static readonly Option<ulong> SeedOption = new("--seed")
    {
        Description = "Decides the generated workload and each conversation's model and dialect.",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<int> MaxInFlightOption = new("--max-in-flight")
    {
        Description = "Most requests waiting at once; those due beyond are counted as not sent.",
        HelpName = "N",
        DefaultValueFactory = _ => 10_000,
    };

    private static readonly Option<double> TimeoutOption = new("--timeout")
    {
        Description = "Seconds to wait for one whole answer.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 600,
    };

    private static readonly Option<bool> JsonOption = new("--json") { Description = "Print one line of JSON." };

    private static readonly Option<FileInfo?> MarkdownOption = new("--markdown")
    {
        Description = "Also write the report to this file, as Markdown.",
        HelpName = "FILE",
    };

    private static readonly Option<FileInfo?> HtmlOption = new("--html")
    {
        Description = "Also write the report to this file, as one HTML page with its curves.",
        HelpName = "FILE",
    };

    /// <summary>Every option, in the order of the help text.</summary>
    public static IReadOnlyList<Option> Options { get; } =
    [
        TraceOption, WorkloadOption, RateOption, MinutesOption, LimitOption, SessionsOption, ThinkOption, SpeedOption,
        UrlOption, KeyOption, TenantOption, DataOption, DialectOption, ModelOption, SeedOption, MaxInFlightOption,
        TimeoutOption, JsonOption, MarkdownOption, HtmlOption,
    ];

    public double Speed => parsed.GetValue(SpeedOption);

    public bool Json => parsed.GetValue(JsonOption);

    public FileInfo? Markdown => parsed.GetValue(MarkdownOption);

    public FileInfo? Html => parsed.GetValue(HtmlOption);

    /// <summary>Name of the trace for reports.</summary>
    public string TraceName => Trace?.Name ?? $"{Workload.Name} workload (generated)";

    /// <summary>The run's options in words for reports; no key among them.</summary>
    public IReadOnlyList<string> InWords =>
    [
        Trace is { } trace
            ? $"trace {trace.Name}" +
                (Sessions ? $", grouped into conversations, at least {Think:0.###} s between turns" : "")
            : $"workload {Workload.Name} at {Rate:0.###} requests/s, arrivals of coefficient of variation " +
                $"{Workload.ArrivalCv:0.###}; from {Workload.Sources}",
        Minutes is { } minutes ? $"first {minutes:0.###} minutes" : "no bound on time",
        parsed.GetValue(LimitOption) is { } limit ? $"first {limit} requests" : "no bound on requests",
        $"speed {Speed:0.###}, seed {parsed.GetValue(SeedOption)}, dialect {parsed.GetValue(DialectOption)}",
        $"at most {parsed.GetValue(MaxInFlightOption)} requests in flight, " +
            $"{parsed.GetValue(TimeoutOption):0.###} s for each",
    ];

    private FileInfo? Trace => parsed.GetValue(TraceOption);

    private Workload Workload =>
        PublishedWorkloads.All.Single(w => w.Name == parsed.GetRequiredValue(WorkloadOption));

    private double Rate => parsed.GetValue(RateOption) ?? Workload.RequestsPerSecond;

    private bool Sessions => parsed.GetValue(SessionsOption);

    private double Think => parsed.GetValue(ThinkOption);

    /// <summary>A workload has no end of its own.</summary>
    private double? Minutes => parsed.GetValue(MinutesOption)
        ?? (Trace is null && parsed.GetValue(LimitOption) is null ? DefaultWorkloadMinutes : null);

    private bool IsLocal =>
        string.IsNullOrWhiteSpace(parsed.GetValue(UrlOption) ?? Environment.GetEnvironmentVariable(UrlVariable));

    /// <summary>The server to send to, after checking every argument; the key is null where one must be made.</summary>
    /// <exception cref="CommandException">Something is missing or wrong; all of it is told.</exception>
    public (Uri Url, string? Key) Server()
    {
        var problems = new List<string>();
        Uri? url = FindUrl(problems);
        string? key = parsed.GetValue(KeyOption) ?? Environment.GetEnvironmentVariable(KeyVariable);
        key = string.IsNullOrWhiteSpace(key) ? null : key;
        if (key is null && !IsLocal)
        {
            problems.Add($"No API key: set {KeyVariable}, or give --key. `forebay key create` makes one.");
        }

        AddTraceProblems(problems);
        AddRangeProblems(problems);
        return problems.Count == 0 ? (url!, key) : throw new CommandException(Join(problems));
    }

    /// <summary>A key made for this run on the local server.</summary>
    public Task<BorrowedKey> BorrowKeyAsync(CancellationToken cancel) => BorrowedKey.TakeAsync(
        DataLocation.Resolve(parsed.GetValue(DataOption), Environment.GetEnvironmentVariable),
        parsed.GetRequiredValue(TenantOption),
        "replay",
        TimeProvider.System,
        cancel);

    /// <summary>The trace, read anew at each enumeration.</summary>
    public IEnumerable<TraceRequest> OpenTrace()
    {
        IEnumerable<TraceRequest> slice = TraceSlice.First(
            Trace is { } file ? ReadFile(file) : WorkloadTrace.Generate(Workload, Rate, parsed.GetValue(SeedOption)),
            parsed.GetValue(LimitOption),
            Minutes * 60);
        return Sessions ? TraceSessions.Group(slice, Think) : slice;
    }

    /// <summary>The options of the run. Asks the server for its models where none was named.</summary>
    public async Task<ReplayOptions> ToOptionsAsync(HttpClient http, Uri url, string key, CancellationToken cancel)
    {
        string[] models = parsed.GetRequiredValue(ModelOption);
        return new ReplayOptions
        {
            BaseUrl = url,
            ApiKey = key,
            Models = models.Length > 0
                ? ModelMix.Parse(models)
                : await ModelMix.FetchAsync(http, url, key, cancel).ConfigureAwait(false),
            Dialect = Enum.Parse<ReplayDialect>(parsed.GetRequiredValue(DialectOption), ignoreCase: true),
            Speed = Speed,
            Seed = parsed.GetValue(SeedOption),
            RunId = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))),
            MaxInFlight = parsed.GetValue(MaxInFlightOption),
            RequestTimeout = TimeSpan.FromSeconds(parsed.GetValue(TimeoutOption)),
        };
    }

    private static IEnumerable<TraceRequest> ReadFile(FileInfo file)
    {
        using StreamReader reader = file.OpenText();
        foreach (TraceRequest request in TraceReader.Read(reader, file.FullName))
        {
            yield return request;
        }
    }

    private static string Join(List<string> problems) => string.Join(Environment.NewLine, problems);

    private Uri? FindUrl(List<string> problems)
    {
        string? text = parsed.GetValue(UrlOption) ?? Environment.GetEnvironmentVariable(UrlVariable);
        if (string.IsNullOrWhiteSpace(text))
        {
            string data = DataLocation.Resolve(parsed.GetValue(DataOption), Environment.GetEnvironmentVariable);
            if (ServerLocator.Running(data) is { } server)
            {
                return server.BaseUrl;
            }

            problems.Add($"No server runs on the data directory {data}. Start one with `forebay up`, or give --url.");
            return null;
        }

        if (Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https")
        {
            return url;
        }

        problems.Add($"{text} is no address of a server. Give one like http://127.0.0.1:8080.");
        return null;
    }

    private void AddTraceProblems(List<string> problems)
    {
        if (Trace is { Exists: false } trace)
        {
            problems.Add($"--trace {trace.FullName}: there is no such file.");
        }

        if (Trace is not null && parsed.GetResult(WorkloadOption) is { Implicit: false })
        {
            problems.Add("--trace and --workload exclude each other: give one of them.");
        }

        if (Trace is not null && parsed.GetValue(RateOption) is not null)
        {
            problems.Add("--rate is for a workload: a trace has its own, which --speed scales.");
        }

        if (Trace is null && Sessions)
        {
            problems.Add("--sessions is for a trace: workloads have their conversations already.");
        }

        if (parsed.GetValue(RateOption) is { } rate && (!(rate > 0) || double.IsInfinity(rate)))
        {
            problems.Add($"--rate {rate} must be above 0.");
        }

        if (parsed.GetValue(MinutesOption) is { } minutes && !(minutes > 0))
        {
            problems.Add($"--minutes {minutes} must be above 0.");
        }

        if (!(Think >= 0) || double.IsInfinity(Think))
        {
            problems.Add($"--think {Think} must be 0 or more.");
        }
    }

    private void AddRangeProblems(List<string> problems)
    {
        if (!(Speed > 0) || double.IsInfinity(Speed))
        {
            problems.Add($"--speed {Speed} must be above 0.");
        }

        if (parsed.GetValue(LimitOption) < 1)
        {
            problems.Add($"--limit {parsed.GetValue(LimitOption)} must be at least 1.");
        }

        if (parsed.GetValue(MaxInFlightOption) < 1)
        {
            problems.Add($"--max-in-flight {parsed.GetValue(MaxInFlightOption)} must be at least 1.");
        }

        if (parsed.GetValue(TimeoutOption) is not (> 0 and <= MaxTimeoutSeconds))
        {
            problems.Add(
                $"--timeout {parsed.GetValue(TimeoutOption)} must be above 0 and at most {MaxTimeoutSeconds}.");
        }
    }
}

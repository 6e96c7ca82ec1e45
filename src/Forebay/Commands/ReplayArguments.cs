using Forebay.Simulation.Replay;
using Forebay.Simulation.Traces;

namespace Forebay.Commands;

/// <summary>What was asked for cannot be done; the message says all that is wrong and what to change.</summary>
internal sealed class ReplayRefusedException(string message) : Exception(message);

/// <summary>The options of <c>forebay replay</c> as given.</summary>
internal sealed record ReplayArguments
{
    private const string UrlVariable = "FOREBAY_URL";
    private const string KeyVariable = "FOREBAY_API_KEY";

    public required FileInfo? Trace { get; init; }

    public required double Speed { get; init; }

    public required string? Url { get; init; }

    public required string? Key { get; init; }

    public required int? Limit { get; init; }

    public required ReplayDialect Dialect { get; init; }

    public required string[] Models { get; init; }

    public required ulong Seed { get; init; }

    public required int MaxInFlight { get; init; }

    public required double TimeoutSeconds { get; init; }

    public required bool Json { get; init; }

    public required FileInfo? Markdown { get; init; }

    /// <summary>Name of the trace for reports.</summary>
    public string TraceName => Trace?.Name ?? TraceShape.AzureConversation2023.Name;

    /// <summary>The server to send to, after checking every argument.</summary>
    /// <exception cref="ReplayRefusedException">Something is missing or wrong; all of it is told.</exception>
    public (Uri Url, string Key) Server()
    {
        var problems = new List<string>();
        string? text = Url ?? Environment.GetEnvironmentVariable(UrlVariable);
        Uri? url = null;
        if (string.IsNullOrWhiteSpace(text))
        {
            problems.Add($"no server: give --url, or set {UrlVariable} to its base URL");
        }
        else if (!Uri.TryCreate(text, UriKind.Absolute, out url) || url.Scheme is not ("http" or "https"))
        {
            problems.Add($"the URL '{text}' must be absolute and start with http:// or https://");
        }

        string? key = Key ?? Environment.GetEnvironmentVariable(KeyVariable);
        if (string.IsNullOrWhiteSpace(key))
        {
            problems.Add($"no API key: give --key, or set {KeyVariable}");
        }

        if (Trace is { Exists: false })
        {
            problems.Add($"--trace '{Trace.FullName}' is not there");
        }

        AddRangeProblems(problems);
        return problems.Count == 0
            ? (url!, key!)
            : throw new ReplayRefusedException(string.Join(Environment.NewLine, problems));
    }

    /// <summary>The trace, read anew at each enumeration.</summary>
    public IEnumerable<TraceRequest> OpenTrace()
    {
        IEnumerable<TraceRequest> all = Trace is null
            ? GeneratedTrace.Generate(TraceShape.AzureConversation2023, Seed)
            : ReadFile(Trace);
        return Limit is { } limit ? all.Take(limit) : all;
    }

    private static IEnumerable<TraceRequest> ReadFile(FileInfo file)
    {
        using StreamReader reader = file.OpenText();
        foreach (TraceRequest request in AzureLlmTrace.Read(reader, file.FullName))
        {
            yield return request;
        }
    }

    private void AddRangeProblems(List<string> problems)
    {
        if (!(Speed > 0) || double.IsInfinity(Speed))
        {
            problems.Add($"--speed {Speed} must be above 0");
        }

        if (Limit < 1)
        {
            problems.Add($"--limit {Limit} must be at least 1");
        }

        if (MaxInFlight < 1)
        {
            problems.Add($"--max-in-flight {MaxInFlight} must be at least 1");
        }

        if (TimeoutSeconds is not (> 0 and <= 86_400))
        {
            problems.Add($"--timeout {TimeoutSeconds} must be above 0 and at most 86400");
        }
    }
}

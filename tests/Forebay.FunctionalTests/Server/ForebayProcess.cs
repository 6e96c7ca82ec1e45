using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Forebay.Serve;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>How a run of the executable ended.</summary>
internal sealed record Ended(int Code, string Output, string Errors);

/// <summary>
/// The real executable in a process of its own, as a user starts it. It is killed at the end whatever a test did, and
/// the test fails if anything that it started outlives it.
/// </summary>
internal sealed class ForebayProcess : IAsyncDisposable
{
    private static readonly string[] OwnVariables = ["FOREBAY_", "ANTHROPIC_", "OPENAI_", "OTEL_"];

    private static readonly JsonSerializerOptions Snake = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>Set for each process that is started, and handed down to whatever it starts.</summary>
    private const string MarkVariable = "FOREBAY_TEST_PROCESS";

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();
    private readonly Task _reading;
    private readonly TaskCompletionSource<string?> _firstLine = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _mark;

    private ForebayProcess(Process process, string mark)
    {
        _process = process;
        _mark = mark;
        _reading = Task.WhenAll(ReadOutputAsync(), ReadErrorsAsync());
    }

    public int Id => _process.Id;

    /// <summary>What it said when it was ready.</summary>
    public ReadyLine Ready { get; private set; } = null!;

    /// <summary>The port that clients call.</summary>
    public HttpClient Api { get; private set; } = null!;

    /// <summary>The admin port, with the token of the data directory.</summary>
    public HttpClient Admin { get; private set; } = null!;

    /// <summary>All of standard output so far.</summary>
    public string Output => Text(_output);

    /// <summary>All of standard error so far: the log.</summary>
    public string Errors => Text(_errors);

    /// <summary>Engines that it started and that still run.</summary>
    public IReadOnlyList<int> Children => ProcessTable.ChildrenOf(Id);

    /// <summary><c>forebay up</c> on free ports with fast engines, ready.</summary>
    public static Task<ForebayProcess> UpAsync(string data, params string[] more) => StartAsync(
        ["up", "--json", "--port", "0", "--admin-port", "0", "--data", data, "--time-scale", "1000", .. more]);

    /// <summary><c>forebay serve</c> of a fleet file on free ports, ready.</summary>
    public static Task<ForebayProcess> ServeAsync(string file, string data, params string[] more) => StartAsync(
        ["serve", "-c", file, "--json", "--port", "0", "--admin-port", "0", "--data", data, .. more]);

    /// <summary>Starts and waits for the JSON line that says it is ready.</summary>
    public static async Task<ForebayProcess> StartAsync(
        IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        ForebayProcess started = Launch(arguments, environment);
        try
        {
            string? line = await started.FirstLineAsync();
            Assert.True(line is not null, $"It ended before it was ready: {started.Errors}");
            started.Take(JsonSerializer.Deserialize<ReadyLine>(line!, Snake)!);
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it with these arguments and nothing of this process's own settings.</summary>
    public static ForebayProcess Launch(
        IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(SelfCommand.Line.FileName)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (string argument in SelfCommand.Line.Arguments.Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        foreach (string name in start.Environment.Keys.ToArray())
        {
            if (Array.Exists(OwnVariables, own => name.StartsWith(own, StringComparison.Ordinal)))
            {
                start.Environment.Remove(name);
            }
        }

        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        string mark = Guid.NewGuid().ToString("N");
        start.Environment[MarkVariable] = mark;
        return new ForebayProcess(Process.Start(start)!, mark);
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<Ended> RunAsync(
        IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        await using ForebayProcess run = Launch(arguments, environment);
        return await run.EndedAsync();
    }

    public Task<string?> FirstLineAsync() => Eventually.Within(_firstLine.Task);

    public void Signal(ProcessSignal signal) => ProcessTable.Send(Id, signal);

    /// <summary>Waits for its end, and for the end of everything it started.</summary>
    public async Task<Ended> EndedAsync(TimeSpan? deadline = null)
    {
        await Eventually.Within(_process.WaitForExitAsync(), deadline);
        await Eventually.Within(_reading);
        await Eventually.TrueAsync(
            () => ProcessTable.StartedWith(MarkVariable, _mark).Count == 0,
            () => $"Processes that {Id} started outlived it.");
        return new Ended(_process.ExitCode, Output, Errors);
    }

    /// <summary>SIGTERM, and the orderly end that must follow.</summary>
    public async Task StopAsync()
    {
        Signal(ProcessSignal.Terminate);
        Ended ended = await EndedAsync();
        Assert.True(ended.Code == 0, $"It ended with {ended.Code}: {ended.Errors}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await EndedAsync();
        Api?.Dispose();
        Admin?.Dispose();
        _process.Dispose();
    }

    private void Take(ReadyLine ready)
    {
        Ready = ready;
        Api = ClientOf(ready.BaseUrl, ready.ApiKey);
        Admin = ClientOf(ready.AdminUrl, ready.AdminToken);
    }

    private static HttpClient ClientOf(string address, string? secret)
    {
        var handler = new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero };
        var client = new HttpClient(handler) { BaseAddress = new Uri(address) };
        client.DefaultRequestHeaders.Authorization = secret is null ? null : new("Bearer", secret);
        return client;
    }

    private async Task ReadOutputAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            Add(_output, line);
            _firstLine.TrySetResult(line);
        }

        _firstLine.TrySetResult(null);
    }

    private async Task ReadErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            Add(_errors, line);
        }
    }

    private static void Add(StringBuilder text, string line)
    {
        lock (text)
        {
            text.Append(line).Append('\n');
        }
    }

    private static string Text(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }
}

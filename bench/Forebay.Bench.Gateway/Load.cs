using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Bench.Gateway;

/// <summary>What one run of wrk reported, with the gateway's processor time.</summary>
internal sealed record WrkRun(
    long Requests,
    double Seconds,
    long NotOk,
    long Broken,
    double P50Us,
    double P90Us,
    double P99Us,
    double P999Us,
    double MaxUs)
{
    public double CpuUs { get; init; }

    public double PerSecond => Requests / Seconds;
}

/// <summary>What one run of the stream client reported, with the gateway's memory.</summary>
internal sealed record StreamRun(
    long Streams,
    long MostOpen,
    long Completed,
    long Failed,
    long Short,
    long Events,
    long Stalls,
    double FirstP50Ms,
    double FirstP99Ms,
    double GapP50Ms,
    double GapP99Ms,
    double GapMaxMs)
{
    public double IdleBytes { get; init; }

    public double MostBytes { get; init; }

    public double CpuUsPerEvent { get; init; }

    /// <summary>Every event of every stream arrived, none later than ten times the pace.</summary>
    public bool Held => Failed == 0 && Stalls == 0;
}

[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(WrkRun))]
[JsonSerializable(typeof(StreamRun))]
internal sealed partial class LoadJson : JsonSerializerContext;

/// <summary>The load generators: wrk for what is answered at once, the stream client for paced streams.</summary>
internal sealed class Load(string tools, string scripts)
{
    public const string Chat = "/v1/chat/completions";
    public const string Messages = "/v1/messages";

    public async Task<WrkRun> WrkAsync(Contestant to, string path, string body, int connections, double seconds)
    {
        string[] arguments =
        [
            "-t1", $"-c{connections}", $"-d{seconds:0}s", "-s", Path.Combine(scripts, "post.lua"),
            $"http://127.0.0.1:{to.Port}{path}", "--", body, to.Key, .. to.Headers,
        ];
        double before = ProcessMeter.CpuSeconds(to.Pid);
        string line = await RunAsync("wrk", arguments, null);
        double used = ProcessMeter.CpuSeconds(to.Pid) - before;
        WrkRun run = JsonSerializer.Deserialize(line, LoadJson.Default.WrkRun)!;
        if (run.NotOk > 0 || run.Broken > 0 || run.Requests == 0)
        {
            Console.Error.WriteLine($"  {to.Name} {path}: {run.NotOk} not ok, {run.Broken} broken of {run.Requests}");
        }

        return run with { CpuUs = used * 1e6 / Math.Max(1, run.Requests) };
    }

    /// <summary>Holds paced streams open and samples the gateway's memory meanwhile.</summary>
    public async Task<StreamRun> StreamsAsync(
        Contestant to, int port, int pid, string body, int streams, int paceMs, int events, int rampMs, int seconds)
    {
        string[] arguments =
        [
            $"{port}", Chat, body, to.Key, "--streams", $"{streams}", "--events", $"{events}", "--pace-us",
            $"{paceMs * 1000}", "--ramp-ms", $"{rampMs}", "--seconds", $"{seconds}",
        ];
        long idle = ProcessMeter.ResidentBytes(pid);
        long most = idle;
        double before = ProcessMeter.CpuSeconds(pid);
        string line = await RunAsync(
            Path.Combine(tools, "streams"), arguments, () => most = Math.Max(most, ProcessMeter.ResidentBytes(pid)));
        double used = ProcessMeter.CpuSeconds(pid) - before;
        StreamRun run = JsonSerializer.Deserialize(line, LoadJson.Default.StreamRun)!;
        return run with
        {
            IdleBytes = idle,
            MostBytes = most,
            CpuUsPerEvent = used * 1e6 / Math.Max(1, run.Events),
        };
    }

    private static async Task<string> RunAsync(string file, string[] arguments, Action? meanwhile)
    {
        var start = new ProcessStartInfo(file) { RedirectStandardOutput = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start.");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (meanwhile is not null && !output.IsCompleted && await tick.WaitForNextTickAsync())
        {
            meanwhile();
        }

        string text = await output;
        await process.WaitForExitAsync();
        return text.Split('\n').LastOrDefault(l => l.StartsWith('{'))
            ?? throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} reported nothing: {text}");
    }
}

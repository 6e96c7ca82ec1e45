using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Forebay.Bench.Gateway.Lifecycle;

/// <summary>The server under load, and its admin API.</summary>
internal sealed class LifecycleServer : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Processes _processes = new();
    private readonly HttpClient _admin = new();
    private long _audited;

    private LifecycleServer()
    {
    }

    public Contestant Gateway { get; private set; } = null!;

    public static async Task<LifecycleServer> StartAsync(string root, string work, LifecycleFleet fleet)
    {
        var server = new LifecycleServer();
        try
        {
            await server.StartAllAsync(root, work, fleet);
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _admin.Dispose();
        _processes.Dispose();
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using HttpResponseMessage answer = await _admin.GetAsync(new Uri(path, UriKind.Relative));
        return await ReadAsync(answer, path);
    }

    /// <exception cref="InvalidOperationException">It was refused.</exception>
    public async Task<JsonElement> PostAsync(string path, string body = "{}")
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await _admin.PostAsync(new Uri(path, UriKind.Relative), content);
        return await ReadAsync(answer, path);
    }

    /// <summary>Waits until every replica that is wanted serves.</summary>
    public async Task ReplicasReadyAsync(int count)
    {
        long started = Stopwatch.GetTimestamp();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        int ready = 0;
        while (await tick.WaitForNextTickAsync())
        {
            JsonElement[] replicas = [.. (await GetAsync("v1/replicas")).GetProperty("replicas").EnumerateArray()];
            ready = replicas.Count(r => r.GetProperty("phase").GetString() == "ready" && r.GetProperty("routed").GetBoolean());
            if (ready == count)
            {
                return;
            }

            if (Stopwatch.GetElapsedTime(started) > Patience)
            {
                throw new TimeoutException($"{ready} of {count} replicas are ready: {string.Join(' ', replicas)}");
            }
        }
    }

    /// <summary>Snapshots of the fleet that were put in force since this was asked last: each is audited.</summary>
    public async Task<int> SnapshotsAsync()
    {
        int snapshots = 0;
        while (true)
        {
            JsonElement page = await GetAsync($"v1/audit?limit=1000&after={_audited}");
            JsonElement[] entries = [.. page.GetProperty("entries").EnumerateArray()];
            snapshots += entries.Count(e => e.GetProperty("action").GetString() is "fleet.apply" or "fleet.manage");
            _audited = page.GetProperty("next_after").GetInt64();
            if (entries.Length == 0)
            {
                return snapshots;
            }
        }
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer, string path)
    {
        string text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode
            ? JsonDocument.Parse(text).RootElement
            : throw new InvalidOperationException($"{path} was answered with {(int)answer.StatusCode}: {text}");
    }

    private async Task StartAllAsync(string root, string work, LifecycleFleet fleet)
    {
        _processes.Start(Path.Combine(work, "tools", "upstream"), ["9001"], work);
        await Processes.ListeningAsync(9001);
        string data = Path.Combine(work, "data");
        if (Directory.Exists(data))
        {
            Directory.Delete(data, recursive: true);
        }

        fleet.Write(extra: false);
        Process process = _processes.Start(
            Path.Combine(root, "forebay"),
            [
                "serve", "-c", fleet.Path, "--data", data, "--port", "9130", "--admin-port", "9131", "--log-level",
                "Warning", "--json",
            ],
            work);
        string line = await process.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException($"Forebay did not start; run it with {fleet.Path} to see why.");
        JsonElement ready = JsonDocument.Parse(line).RootElement;
        _admin.BaseAddress = new Uri(ready.GetProperty("admin_url").GetString()!);
        _admin.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Bearer", ready.GetProperty("admin_token").GetString());
        JsonElement key = await PostAsync("v1/keys", $$"""{"tenant":"{{LifecycleFleet.Tenant}}","name":"bench"}""");
        Gateway = new Contestant("Forebay", 9130, process.Id, key.GetProperty("secret").GetString()!, []);
        await ReplicasReadyAsync(LifecycleFleet.Replicas);
    }
}

using System.Diagnostics;
using System.Text.Json;

namespace Forebay.Bench.Gateway;

/// <summary>Starts the upstreams and every gateway that takes part.</summary>
internal sealed class Contest : IDisposable
{
    private const string AnyKey = "sk-bench";
    private readonly Processes _processes = new();
    private readonly string _root;
    private readonly string _work;

    private Contest(string root, string work)
    {
        _root = root;
        _work = work;
    }

    public List<Contestant> All { get; } = [];

    /// <summary>Time from starting the process to its ready line, in milliseconds.</summary>
    public double ForebayReadyMs { get; private set; }

    public Contestant this[string name] => All.Find(c => c.Name == name)
        ?? throw new InvalidOperationException($"{name} does not take part.");

    public bool Has(string name) => All.Exists(c => c.Name == name);

    private string Here => Path.Combine(_root, "bench", "gateway");

    public static async Task<Contest> StartAsync(string root, string work)
    {
        var contest = new Contest(root, work);
        try
        {
            await contest.StartAllAsync();
            return contest;
        }
        catch
        {
            contest.Dispose();
            throw;
        }
    }

    public void Dispose() => _processes.Dispose();

    private async Task StartAllAsync()
    {
        string upstream = Path.Combine(_work, "tools", "upstream");
        int[] pids =
        [
            _processes.Start(upstream, ["9001"], _work).Id,
            _processes.Start(upstream, ["9002", "--events", "64", "--pace-us", "20000"], _work).Id,
            _processes.Start(upstream, ["9003", "--events", "64", "--pace-us", "200000"], _work).Id,
        ];
        await Processes.ListeningAsync(9003);
        All.Add(new Contestant("direct", 9001, pids[0], AnyKey, [])
        {
            Paced20Port = 9002,
            Paced20Pid = pids[1],
            Paced200Port = 9003,
            Paced200Pid = pids[2],
        });
        await StartHaproxyAsync();
        await StartNginxAsync();
        await StartBareAsync();
        await StartPortkeyAsync();
        await StartForebayAsync();
    }

    private async Task StartHaproxyAsync()
    {
        Process process = _processes.Start("haproxy", ["-db", "-f", Path.Combine(Here, "haproxy.cfg")], _work);
        await Processes.ListeningAsync(9110);
        All.Add(new Contestant("haproxy", 9110, process.Id, AnyKey, []));
    }

    private async Task StartNginxAsync()
    {
        string folder = Path.Combine(_work, "nginx");
        Directory.CreateDirectory(folder);
        string program = File.Exists("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
        Process process = _processes.Start(program, ["-p", folder, "-c", Path.Combine(Here, "nginx.conf")], folder);
        await Processes.ListeningAsync(9100);
        All.Add(new Contestant("nginx", 9100, ProcessMeter.ChildOf(process.Id), AnyKey, []));
    }

    private async Task StartBareAsync()
    {
        string program = Path.Combine(_root, "artifacts", "bin", "BareForwarder", "release", "BareForwarder.dll");
        int[] pids = [.. Enumerable.Range(0, 3).Select(i => _processes.Start(
            "dotnet", [program, $"{9120 + i}", $"http://127.0.0.1:{9001 + i}"], _work).Id)];
        await Processes.ListeningAsync(9122);
        All.Add(new Contestant("bare C# forwarder", 9120, pids[0], AnyKey, [])
        {
            Paced20Port = 9121,
            Paced20Pid = pids[1],
            Paced200Port = 9122,
            Paced200Pid = pids[2],
        });
    }

    private async Task StartPortkeyAsync()
    {
        string folder = Path.Combine(_work, "portkey");
        string script = Path.Combine(folder, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js");
        if (!File.Exists(script))
        {
            return;
        }

        Process process = _processes.Start(
            "node", [script, "--headless", "--port=8787"], folder,
            ("TRUSTED_CUSTOM_HOSTS", "127.0.0.1,localhost"), ("NODE_ENV", "production"));
        await Processes.ListeningAsync(8787);
        All.Add(new Contestant(
            "Portkey 1.15.2", 8787, process.Id, AnyKey,
            ["x-portkey-provider=openai", "x-portkey-custom-host=http://127.0.0.1:9001/v1"]));
    }

    private async Task StartForebayAsync()
    {
        string program = Path.Combine(_root, "forebay");
        string data = Path.Combine(_work, "data");
        if (Directory.Exists(data))
        {
            Directory.Delete(data, recursive: true);
        }

        long started = Stopwatch.GetTimestamp();
        Process process = _processes.Start(
            program,
            [
                "serve", "-c", Path.Combine(Here, "fleet.yaml"), "--data", data, "--port", "9130",
                "--admin-port", "9131", "--log-level", "Warning", "--json",
            ],
            _work);
        _ = await process.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException("Forebay did not start; run it by hand to see why.");
        ForebayReadyMs = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        Process create = _processes.Start(
            program, ["key", "create", "--tenant", "bench", "--name", "bench", "--data", data, "--json"], _work);
        using JsonDocument key = JsonDocument.Parse(await create.StandardOutput.ReadToEndAsync());
        All.Add(new Contestant("Forebay", 9130, process.Id, key.RootElement.GetProperty("secret").GetString()!, [])
        {
            Paced20Port = 9130,
            Paced20Pid = process.Id,
            Paced200Port = 9130,
            Paced200Pid = process.Id,
        });
    }
}

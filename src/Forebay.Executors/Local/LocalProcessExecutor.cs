using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Security.Cryptography;
using Forebay.Core.Execution;

namespace Forebay.Executors.Local;

/// <summary>
/// Runs work as processes of this machine, which is Linux. They outlive this process on purpose: a restart of Forebay,
/// planned or not, must not unload models. Whatever was started is found again through its folder: a process is taken
/// for the work it was only if its number, the time it began, the machine's boot and a random token in its environment
/// all agree. Nothing else is ever signalled.
/// </summary>
/// <remarks>docs/reference/capacity/engines.md says what lies in the folder, and what each crash leaves behind.
/// </remarks>
public sealed class LocalProcessExecutor : IExecutor, IDisposable
{
    private const int SaidLines = 12;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    private readonly LocalProcessOptions _options;
    private readonly TimeProvider _time;
    private readonly ImmutableDictionary<string, string> _environment;
    private readonly string _boot = OperatingSystem.IsLinux()
        ? ProcessIdentity.ReadBoot()
        : throw new PlatformNotSupportedException("Local engines run on Linux only.");

    private readonly ConcurrentDictionary<string, SemaphoreSlim> _gates = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Id, long Generation), Process> _children = new();
    private readonly ConcurrentDictionary<(string Id, long Generation), bool> _terminated = new();
    private readonly Lock _portsLock = new();
    private readonly Dictionary<(string Id, long Generation), int[]> _given = [];

    public LocalProcessExecutor(LocalProcessOptions options, TimeProvider time)
        : this(options, time, Variables())
    {
    }

    /// <param name="options">How.</param>
    /// <param name="time">For deadlines.</param>
    /// <param name="environment">This process's variables.</param>
    public LocalProcessExecutor(
        LocalProcessOptions options, TimeProvider time, IReadOnlyDictionary<string, string> environment)
    {
        _options = options;
        _time = time;
        _environment = environment.Where(v => IsPassedOn(v.Key)).ToImmutableDictionary(StringComparer.Ordinal);
        PrivateFolder.Create(options.Folder);
        foreach (string id in Ids())
        {
            if (FolderOf(id).Read() is { } record)
            {
                // Ports of what runs still are not given again.
                _given[(id, record.Generation)] = [.. record.Ports.Values];
            }
        }
    }

    public string Kind => "local";

    public Task<WorkObservation> StartAsync(WorkSpec spec, CancellationToken cancel)
    {
        if (spec.Check() is { Count: > 0 } problems)
        {
            throw new WorkRefusedException($"Work {spec.Id} cannot be started: {string.Join(" ", problems)}");
        }

        return OneAtATimeAsync(spec.Id, () => StartCoreAsync(spec, cancel), cancel);
    }

    public Task<WorkObservation?> ObserveAsync(string id, CancellationToken cancel) =>
        OneAtATimeAsync(id, () => Task.FromResult(FolderOf(id).Read() is { } record ? Observe(record) : null), cancel);

    public async Task<IReadOnlyList<WorkObservation>> ListAsync(CancellationToken cancel)
    {
        var all = new List<WorkObservation>();
        foreach (string id in Ids())
        {
            if (await ObserveAsync(id, cancel).ConfigureAwait(false) is { } work)
            {
                all.Add(work);
            }
        }

        return all;
    }

    public Task<WorkObservation> StopAsync(string id, long generation, TimeSpan grace, CancellationToken cancel) =>
        OneAtATimeAsync(id, () => Task.FromResult(StopCore(id, generation, grace)), cancel);

    public Task<IReadOnlyList<string>> ReadLogAsync(
        string id, long? generation, int lines, CancellationToken cancel) => OneAtATimeAsync(
        id,
        () =>
        {
            WorkFolder folder = FolderOf(id);
            long? of = generation ?? folder.Read()?.Generation;
            return Task.FromResult(of is null ? [] : WorkLog.Tail(folder, of.Value, lines));
        },
        cancel);

    public Task ForgetAsync(string id, CancellationToken cancel) => OneAtATimeAsync(
        id,
        () =>
        {
            WorkFolder folder = FolderOf(id);
            if (folder.Read() is { } record && !Observe(record).IsAlive)
            {
                Directory.Delete(folder.Path, recursive: true);
                Release(record);
            }

            return Task.FromResult(true);
        },
        cancel);

    /// <summary>Lets go of the processes; they run on.</summary>
    public void Dispose()
    {
        foreach (Process child in _children.Values)
        {
            child.Dispose();
        }

        foreach (SemaphoreSlim gate in _gates.Values)
        {
            gate.Dispose();
        }
    }

    private async Task<WorkObservation> StartCoreAsync(WorkSpec spec, CancellationToken cancel)
    {
        // 1. What is known of the id decides whether anything is started at all.
        WorkFolder folder = FolderOf(spec.Id);
        LocalRecord? last = folder.Read();
        if (last is not null && last.Generation > spec.Generation)
        {
            throw new WorkRefusedException(
                $"Generation {spec.Generation} of {spec.Id} is stale: {last.Generation} was started or fenced off "
                + "since.");
        }

        bool same = last?.Generation == spec.Generation;
        if (last is not null && Observe(last) is { } known && (same ? WasBegun(folder, last) : known.IsAlive))
        {
            return same ? known : throw new WorkRefusedException(
                $"Generation {last.Generation} of {spec.Id} is still alive. Stop it before {spec.Generation} starts.");
        }

        // 2. What may be wrong with it is found before anything is written.
        string? path = spec.Environment.GetValueOrDefault("PATH") ?? _environment.GetValueOrDefault("PATH");
        string program = LocalLaunch.Resolve(spec.Program, path);

        // 3. The intention, on disk. A process that is killed from here on is followed by one that knows of it.
        LocalRecord record = same ? last! : NewRecord(spec, program);
        folder.Write(record);
        folder.RemoveBefore(spec.Generation - 1);

        // 4. The process, which claims the generation itself: a second one of it would find it taken and end.
        Process process = LocalLaunch.Start(spec, program, record, folder, _environment);
        _children[(spec.Id, spec.Generation)] = process;
        await BegunAsync(folder, record, process, cancel).ConfigureAwait(false);
        return Observe(record);
    }

    private LocalRecord NewRecord(WorkSpec spec, string program)
    {
        Dictionary<string, int> ports;
        lock (_portsLock)
        {
            ports = LocalLaunch.GivePorts(spec.Ports, _given.Values.SelectMany(static p => p).ToHashSet());
            _given[(spec.Id, spec.Generation)] = [.. ports.Values];
        }

        return new LocalRecord
        {
            Id = spec.Id,
            Generation = spec.Generation,
            Token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
            Boot = _boot,
            Ports = ports,
            LogBytes = spec.LogBytes,
            Program = program,
            StartedUnixMs = _time.GetUtcNow().ToUnixTimeMilliseconds(),
        };
    }

    /// <summary>Waits until the process has claimed the generation, or ended.</summary>
    private async Task BegunAsync(WorkFolder folder, LocalRecord record, Process process, CancellationToken cancel)
    {
        long began = _time.GetTimestamp();
        using var timer = new PeriodicTimer(Look, _time);
        while (!WasBegun(folder, record) && !process.HasExited)
        {
            if (_time.GetElapsedTime(began) >= _options.BeginDeadline)
            {
                throw new ExecutorException($"Work {record.Id} was not begun within {_options.BeginDeadline}: the "
                    + "machine is overloaded, or the disk does not answer.");
            }

            await timer.WaitForNextTickAsync(cancel).ConfigureAwait(false);
        }

        if (!WasBegun(folder, record))
        {
            record.NeverBegun =
                $"Its process ended with code {process.ExitCode} before it began. {Said(folder, record)}";
            folder.Write(record);
        }
    }

    private static bool WasBegun(WorkFolder folder, LocalRecord record) =>
        record.NeverBegun is not null || ReadClaim(folder, record) is not null;

    private WorkObservation Observe(LocalRecord record)
    {
        WorkFolder folder = FolderOf(record.Id);
        if (record.NeverBegun is { } why)
        {
            return ViewOf(record, WorkState.Exited, null, new WorkExit(WorkExitKind.NotStarted, null, why));
        }

        ProcessIdentity? claim = ReadClaim(folder, record);
        if (record.Boot != _boot)
        {
            return Ended(folder, record, claim, "The machine was restarted.");
        }

        if (claim is not { } leader)
        {
            // The intention stands and nobody runs with it: to be started, or to be fenced off.
            return ViewOf(record, WorkState.Pending, null, null);
        }

        WorkLog.Bound(folder, record.Generation, record.LogBytes);
        if (leader.Runs(record.Token))
        {
            return ViewOf(record, WorkState.Running, leader, null);
        }

        if (!record.Gone && !File.Exists(folder.Exit(record.Generation)))
        {
            // The leader was killed and told nobody; what it led is watched by no one and must not go on. Until all of
            // it is gone, the generation is alive.
            if (ProcessIdentity.KillGroup(leader.Pid, record.Token) > 0)
            {
                return ViewOf(record, WorkState.Running, leader, null);
            }

            record.Gone = true;
            folder.Write(record);
        }

        return Ended(folder, record, leader, "Its process was killed from outside.");
    }

    private WorkObservation Ended(WorkFolder folder, LocalRecord record, ProcessIdentity? leader, string lost)
    {
        Release(record);
        string path = folder.Exit(record.Generation);
        int? code = File.Exists(path) && int.TryParse(File.ReadAllText(path).Trim(), out int read) ? read : null;
        WorkExit exit = code switch
        {
            null when record.Forced => new WorkExit(
                WorkExitKind.Killed, 9, "It did not end when it was asked to, and was killed."),
            _ when record.StopUnixMs is not null => new WorkExit(WorkExitKind.Stopped, code, "It was stopped."),
            null => new WorkExit(WorkExitKind.Lost, null, $"{lost} {Said(folder, record)}"),
            > 128 => new WorkExit(
                WorkExitKind.Signal, code - 128, $"It was ended by signal {code - 128}. {Said(folder, record)}"),
            _ => new WorkExit(WorkExitKind.Code, code, $"It ended with code {code}. {Said(folder, record)}"),
        };
        return ViewOf(record, WorkState.Exited, leader, exit);
    }

    private WorkObservation StopCore(string id, long generation, TimeSpan grace)
    {
        WorkFolder folder = FolderOf(id);
        LocalRecord? record = folder.Read();
        if (record is null || record.Generation < generation)
        {
            if (record is not null && Observe(record).IsAlive)
            {
                // Asked about what it has not heard of: the older one is not touched.
                return Observe(record);
            }

            record = Fence(id, generation);
            folder.Write(record);
            return Observe(record);
        }

        WorkObservation seen = Observe(record);
        if (record.Generation > generation || !seen.IsAlive)
        {
            return seen;
        }

        if (ReadClaim(folder, record) is not { } leader)
        {
            return StopUnbegun(folder, record);
        }

        long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        if (record.StopUnixMs is null)
        {
            record.StopUnixMs = now;
            folder.Write(record);
            _terminated[(id, generation)] = true;
            leader.Terminate();
        }
        else if (now - record.StopUnixMs >= grace.TotalMilliseconds)
        {
            record.Forced = true;
            folder.Write(record);
            ProcessIdentity.KillGroup(leader.Pid, record.Token);
        }
        else if (_terminated.TryAdd((id, generation), true))
        {
            // A process before this one wrote that it was asked, and may have been killed before it asked.
            leader.Terminate();
        }

        return Observe(record);
    }

    /// <summary>Takes the claim itself, so that a process on its way finds it taken and ends.</summary>
    private WorkObservation StopUnbegun(WorkFolder folder, LocalRecord record)
    {
        try
        {
            using var claim = new FileStream(folder.Claim(record.Generation), FileMode.CreateNew);
            record.NeverBegun = "It was stopped before it began.";
            folder.Write(record);
        }
        catch (IOException) when (File.Exists(folder.Claim(record.Generation)))
        {
            // It began in this moment; whoever asks again stops it.
        }

        return Observe(record);
    }

    private LocalRecord Fence(string id, long generation) => new()
    {
        Id = id,
        Generation = generation,
        Token = "",
        Boot = _boot,
        Ports = [],
        LogBytes = 4096,
        Program = "",
        StartedUnixMs = _time.GetUtcNow().ToUnixTimeMilliseconds(),
        NeverBegun = "It was stopped before it was started.",
    };

    private WorkObservation ViewOf(LocalRecord record, WorkState state, ProcessIdentity? leader, WorkExit? exit) => new(
        record.Id,
        record.Generation,
        state,
        leader is { } process ? $"process {process.Pid}" : null,
        record.Ports.ToImmutableSortedDictionary(
            p => p.Key, p => new WorkEndpoint(_options.Host, p.Value), StringComparer.Ordinal),
        exit?.Kind == WorkExitKind.NotStarted ? null : record.StartedUnixMs,
        exit);

    private static ProcessIdentity? ReadClaim(WorkFolder folder, LocalRecord record)
    {
        try
        {
            return ProcessIdentity.Parse(File.ReadAllText(folder.Claim(record.Generation)));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private static string Said(WorkFolder folder, LocalRecord record)
    {
        IReadOnlyList<string> lines = WorkLog.Tail(folder, record.Generation, SaidLines);
        return lines.Count == 0 ? "It said nothing." : "It said: " + string.Join(" | ", lines);
    }

    private void Release(LocalRecord record)
    {
        if (_children.TryRemove((record.Id, record.Generation), out Process? child))
        {
            child.Dispose();
        }

        _terminated.TryRemove((record.Id, record.Generation), out _);
        lock (_portsLock)
        {
            _given.Remove((record.Id, record.Generation));
        }
    }

    private IEnumerable<string> Ids() => Directory.EnumerateDirectories(_options.Folder)
        .Select(static f => Path.GetFileName(f)!)
        .Where(WorkSpec.IsId)
        .Order(StringComparer.Ordinal);

    private WorkFolder FolderOf(string id) => WorkSpec.IsId(id)
        ? new WorkFolder(_options.Folder, id)
        : throw new WorkRefusedException($"'{id}' is no id of work.");

    private bool IsPassedOn(string variable) => _options.PassedOn.Any(p => p.EndsWith('*')
        ? variable.StartsWith(p[..^1], StringComparison.Ordinal)
        : variable == p);

    private static Dictionary<string, string> Variables()
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            variables[(string)entry.Key] = (string?)entry.Value ?? "";
        }

        return variables;
    }

    private async Task<T> OneAtATimeAsync<T>(string id, Func<Task<T>> act, CancellationToken cancel)
    {
        SemaphoreSlim gate = _gates.GetOrAdd(id, static _ => new SemaphoreSlim(1, 1));
        await gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            return await act().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ExecutorException($"The folder of work {id} cannot be used: {e.Message}", e);
        }
        finally
        {
            gate.Release();
        }
    }
}

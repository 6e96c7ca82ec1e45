using System.Collections.Frozen;
using System.Text.Json;
using Forebay.Control.Audit;
using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Forebay.Core.Serving;
using Forebay.Gateway.Upstreams;

namespace Forebay.Serve;

/// <summary>
/// Turns the fleet file and what the API manages into the snapshot in force, at the start, on every reload and on every
/// managed change: join and validate, add the user's own upstreams, start missing engines, open upstreams, swap.
/// Whatever fails, the old snapshot stays. One change at a time: what another made meanwhile is never lost.
/// </summary>
public sealed class FleetSource(
    FleetState state,
    UpstreamSet upstreams,
    EmulatedEngines? engines,
    IReadOnlyList<UserUpstream> own) : IDisposable
{
    private static readonly FrozenSet<string> KnownAccelerators = AcceleratorCatalogue.BuiltIn.Names.ToFrozenSet();

    private readonly SemaphoreSlim _changing = new(1, 1);
    private FleetConfig _file = new();
    private ManagedObjects _managed = ManagedObjects.None;

    /// <summary>Runs after a fleet was put in force.</summary>
    public Func<FleetModel, FleetOrigin, CancellationToken, Task>? Applied { get; init; }

    /// <summary>Looks whether what a file deploys anew has room before it is put in force; null where nobody does.
    /// </summary>
    public RoomCheck? Room { get; set; }

    /// <summary>What the fleet file in force deploys.</summary>
    public IReadOnlyCollection<DeploymentConfig> Deployed => Volatile.Read(ref _file).Deployments;

    /// <summary>What the API manages in the fleet in force. What is set before the first fleet is put in force joins
    /// it.</summary>
    public ManagedObjects Managed
    {
        get => Volatile.Read(ref _managed);
        init => _managed = value;
    }

    /// <summary>Reads fleet files against the built-in accelerator catalogue.</summary>
    public static FleetFileReader Reader { get; } = new(KnownAccelerators);

    /// <summary>Resolves the secrets that fleet files refer to.</summary>
    public static SecretReader Secrets { get; } = new();

    /// <summary>Reads the fleet file, or the built-in fleet, into records.</summary>
    public static FleetFileResult Read(ServeSettings settings) => settings.FleetFile is { } path
        ? Reader.ReadFile(path)
        : Reader.Read(DefaultFleet.ReadText(), DefaultFleet.FileName);

    /// <summary>Puts a valid configuration in force, after the audit log says so. What the API manages stays as it is.
    /// </summary>
    /// <returns>Problems; when there are any, nothing changed, and the audit log says that too.</returns>
    public async Task<IReadOnlyList<ConfigProblem>> ApplyAsync(
        FleetConfig config,
        AuditedChange change,
        FleetOrigin origin,
        CancellationToken cancel)
    {
        await _changing.WaitAsync(cancel);
        try
        {
            string detail = $$"""{"sha256":"{{origin.Sha256}}"}""";
            var note = new AuditNote(origin.Actor, "fleet.apply", origin.Path, detail);
            return await AuditedAsync(change, note, async () =>
            {
                IReadOnlyList<ConfigProblem> problems = await PutFileInForceAsync(config, origin, cancel);
                if (problems.Count == 0)
                {
                    await (Applied?.Invoke(state.Model, origin, cancel) ?? Task.CompletedTask);
                }

                return problems;
            });
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <inheritdoc cref="IManagedFleet.ApplyManagedAsync"/>
    public async Task<IReadOnlyList<ConfigProblem>> ApplyManagedAsync(
        string owner,
        Func<ManagedPart, ManagedPart> edit,
        string actor,
        AuditedChange change,
        CancellationToken cancel)
    {
        await _changing.WaitAsync(cancel);
        try
        {
            ManagedPart old = _managed.Of(owner);
            ManagedPart next = edit(old);
            if (ReferenceEquals(old, next))
            {
                return [];
            }

            string detail = JsonSerializer.Serialize(ManagedDetail.Of(old, next), ServeJson.Default.ManagedDetail);
            return await AuditedAsync(
                change,
                new AuditNote(actor, "fleet.manage", owner, detail),
                () => PutInForceAsync(_file, _managed.With(owner, next), cancel));
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <inheritdoc cref="IManagedFleet.Check"/>
    public IReadOnlyList<ConfigProblem> Check(Func<ManagedObjects, ManagedObjects> change) =>
        FleetComposition.Compose(Volatile.Read(ref _file), change(Managed), KnownAccelerators).Problems;

    public void Dispose() => _changing.Dispose();

    private static async Task<IReadOnlyList<ConfigProblem>> AuditedAsync(
        AuditedChange change, AuditNote note, Func<Task<IReadOnlyList<ConfigProblem>>> apply)
    {
        try
        {
            await change.RunAsync(note, async () =>
            {
                IReadOnlyList<ConfigProblem> problems = await apply();
                if (problems.Count > 0)
                {
                    throw new FleetRefusedException(problems);
                }
            });
            return [];
        }
        catch (FleetRefusedException e)
        {
            return e.Problems;
        }
    }

    private async Task<IReadOnlyList<ConfigProblem>> PutFileInForceAsync(
        FleetConfig file, FleetOrigin origin, CancellationToken cancel)
    {
        if (Room is not { } room)
        {
            return await PutInForceAsync(file, _managed, cancel);
        }

        var composed = FleetComposition.Compose(file, _managed, KnownAccelerators);
        return composed.Problems.Count > 0 ? composed.Problems : await room(
            composed.Config, file.Deployments, () => PutInForceAsync(file, _managed, cancel), origin.Actor, cancel);
    }

    private async Task<IReadOnlyList<ConfigProblem>> PutInForceAsync(
        FleetConfig file, ManagedObjects managed, CancellationToken cancel)
    {
        var composed = FleetComposition.Compose(file, managed, KnownAccelerators);
        if (composed.Problems.Count > 0)
        {
            return composed.Problems;
        }

        IReadOnlyList<ConfigProblem> missing = Secrets.Check(composed.Config);
        if (missing.Count > 0)
        {
            return missing;
        }

        FleetConfig whole = own.Aggregate(composed.Config, static (c, upstream) => upstream.AddTo(c));
        IReadOnlyDictionary<string, Uri> emulated = FrozenDictionary<string, Uri>.Empty;
        if (engines is not null)
        {
            try
            {
                emulated = await engines.EnsureAsync(whole, cancel);
            }
            catch (StartException e)
            {
                return [new ConfigProblem("deployments", e.Message, "Correct the deployment, or give it an endpoint.")];
            }
        }

        var model = FleetModel.Build(whole, emulated, managed.Withdrawals);
        IReadOnlyList<ConfigProblem> problems = upstreams.Update(model, () =>
        {
            state.Model = model;
            Volatile.Write(ref _file, file);
            Volatile.Write(ref _managed, managed);
        });
        state.WakeWaiters();
        return problems;
    }

    /// <summary>Makes the audit log say that the change failed.</summary>
    private sealed class FleetRefusedException(IReadOnlyList<ConfigProblem> problems)
        : Exception("The fleet was not put in force.")
    {
        public IReadOnlyList<ConfigProblem> Problems { get; } = problems;
    }
}

/// <summary>Puts a fleet file in force if what it deploys anew has room, and takes its leases.</summary>
/// <param name="whole">The fleet as it would be.</param>
/// <param name="deployed">What the file would deploy.</param>
/// <param name="putInForce">Puts it in force; where it returns problems, nothing was changed.</param>
/// <param name="actor">Who.</param>
/// <param name="cancel">Gives up.</param>
public delegate Task<IReadOnlyList<ConfigProblem>> RoomCheck(
    FleetConfig whole,
    IReadOnlyCollection<DeploymentConfig> deployed,
    Func<Task<IReadOnlyList<ConfigProblem>>> putInForce,
    string actor,
    CancellationToken cancel);

/// <summary>Where a fleet comes from, for the audit log.</summary>
/// <param name="Actor"><c>startup</c> or <c>file</c>.</param>
/// <param name="Path">The file, or the built-in fleet's name.</param>
/// <param name="Sha256">Hash of its content.</param>
public sealed record FleetOrigin(string Actor, string Path, string Sha256);

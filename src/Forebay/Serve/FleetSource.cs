using System.Collections.Frozen;
using Forebay.Control.Audit;
using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Gateway.Upstreams;

namespace Forebay.Serve;

/// <summary>
/// Turns the fleet file into the snapshot in force, at the start and on every reload: read and validate, add the user's
/// own upstreams, start missing engines, open upstreams, swap. Whatever fails, the old snapshot stays.
/// </summary>
public sealed class FleetSource(
    FleetState state,
    UpstreamSet upstreams,
    EmulatedEngines? engines,
    IReadOnlyList<UserUpstream> own)
{
    /// <summary>Runs after a fleet was put in force.</summary>
    public Func<FleetModel, FleetOrigin, CancellationToken, Task>? Applied { get; init; }

    /// <summary>Reads fleet files against the built-in accelerator catalogue.</summary>
    public static FleetFileReader Reader { get; } = new(AcceleratorCatalogue.BuiltIn.Names.ToFrozenSet());

    /// <summary>Resolves the secrets that fleet files refer to.</summary>
    public static SecretReader Secrets { get; } = new();

    /// <summary>Reads the fleet file, or the built-in fleet, into records.</summary>
    public static FleetFileResult Read(ServeSettings settings) => settings.FleetFile is { } path
        ? Reader.ReadFile(path)
        : Reader.Read(DefaultFleet.ReadText(), DefaultFleet.FileName);

    /// <summary>Puts a valid configuration in force, after the audit log says so.</summary>
    /// <returns>Problems; when there are any, nothing changed, and the audit log says that too.</returns>
    public async Task<IReadOnlyList<ConfigProblem>> ApplyAsync(
        FleetConfig config,
        AuditedChange change,
        FleetOrigin origin,
        CancellationToken cancel)
    {
        try
        {
            string detail = $$"""{"sha256":"{{origin.Sha256}}"}""";
            await change.RunAsync(new AuditNote(origin.Actor, "fleet.apply", origin.Path, detail), async () =>
            {
                IReadOnlyList<ConfigProblem> problems = await ApplyAsync(config, cancel);
                if (problems.Count > 0)
                {
                    throw new FleetRefusedException(problems);
                }

                await (Applied?.Invoke(state.Model, origin, cancel) ?? Task.CompletedTask);
            });
            return [];
        }
        catch (FleetRefusedException e)
        {
            return e.Problems;
        }
    }

    private async Task<IReadOnlyList<ConfigProblem>> ApplyAsync(FleetConfig config, CancellationToken cancel)
    {
        IReadOnlyList<ConfigProblem> missing = Secrets.Check(config);
        if (missing.Count > 0)
        {
            return missing;
        }

        FleetConfig whole = own.Aggregate(config, static (c, upstream) => upstream.AddTo(c));
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

        var model = FleetModel.Build(whole, emulated);
        IReadOnlyList<ConfigProblem> problems = upstreams.Update(model, () => state.Model = model);
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

/// <summary>Where a fleet comes from, for the audit log.</summary>
/// <param name="Actor"><c>startup</c> or <c>file</c>.</param>
/// <param name="Path">The file, or the built-in fleet's name.</param>
/// <param name="Sha256">Hash of its content.</param>
public sealed record FleetOrigin(string Actor, string Path, string Sha256);

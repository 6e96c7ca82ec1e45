using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;
using Forebay.Control.FleetFile;
using Forebay.Core.Fleet;
using Forebay.Core.Limits.Following;
using Forebay.Core.Limits.Following.Cases;
using Forebay.Core.Serving.Routing;
using Forebay.Serve;

namespace Forebay.Commands.Capacity;

/// <summary><c>forebay limits propose, proposals, apply, rollback</c>: limits that follow capacity.</summary>
internal static class LimitsFollowCommands
{
    private static readonly Column[] Proposals =
    [
        new("ID", true), new("AT"), new("STATE"), new("WHY"), new("BY"), new("FROM VERSION", true), new("MULTIPLIERS"),
        new("ANNOUNCED"), new("DECIDED"),
    ];

    private static readonly Column[] Versions =
    [
        new("VERSION", true), new("EFFECTIVE"), new("DECIDED"), new("BY"), new("FROM"), new("MULTIPLIERS"),
    ];

    public static Command CreatePropose()
    {
        Option<bool> record = new("--record") { Description = "Write the proposal down, to be applied." };
        Option<string?> demand = new("--demand")
        {
            Description = "Work it out from a file instead of a running server.",
            HelpName = "FILE",
        };
        Option<string?> config = new("--config", "-c")
        {
            Description = "With --demand: take capacity from this fleet file.",
            HelpName = "FILE",
        };
        Option<bool> markdown = new("--markdown")
        {
            Description = "With --demand: print tables, with what each unknown figure would change.",
        };
        var command = new Command(
            "propose", "Show what capacity and demand would let limits be, and how that is worked out.")
        {
            record, demand, config, markdown,
        };
        AdminAction.On(command, async (session, cancel) =>
        {
            LimitsFollowingView view = await (session.Parse.GetValue(record)
                ? session.Client.ProposeLimitsAsync(cancel)
                : session.Client.LimitsFollowingAsync(cancel)).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(view, AdminJson.Default.LimitsFollowingView);
            }
            else
            {
                Print(session.Output, view);
            }

            return view.Refused.Count == 0 ? 0 : AdminAction.Failed;
        });
        Func<ParseResult, CancellationToken, Task<int>> live = command.Action is System.CommandLine.Invocation
            .AsynchronousCommandLineAction action ? action.InvokeAsync : throw new InvalidOperationException();
        command.SetAction((parse, cancel) => parse.GetValue(demand) is { } file
            ? AdminAction.GuardAsync(parse, () => Task.FromResult(
                FromFile(parse, file, parse.GetValue(config), parse.GetValue(markdown))))
            : parse.GetValue(config) is null && !parse.GetValue(markdown) ? live(parse, cancel)
            : AdminAction.GuardAsync(parse, () => throw new CommandException(
                "--config and --markdown work on a file of demand: name it with --demand.")));
        return command;
    }

    public static Command CreateProposals()
    {
        Option<int> most = new("--limit")
        {
            Description = "Most proposals to show, the last one first.",
            DefaultValueFactory = _ => 20,
        };
        var command = new Command("proposals", "Show proposals and what became of them.") { most };
        return AdminAction.On(command, async (session, cancel) =>
        {
            LimitProposalListView view = await session.Client
                .LimitProposalsAsync(session.Required(most), cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(view, AdminJson.Default.LimitProposalListView);
            }
            else
            {
                session.Output.Table(Proposals, [.. view.Proposals.Select(RowOf)]);
            }

            return 0;
        });
    }

    public static Command CreateApply()
    {
        Argument<long> id = new("id") { Description = "The proposal." };
        var command = new Command("apply", "Put a proposal in force, at once or when it says.") { id };
        return AdminAction.On(command, async (session, cancel) => Decided(
            session,
            await session.Client.ApplyLimitsAsync(session.Parse.GetRequiredValue(id), cancel).ConfigureAwait(false)));
    }

    public static Command CreateRollback()
    {
        Argument<long?> id = new("id")
        {
            Description = "The proposal whose decision is taken back; the last decision when left out.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("rollback", "Take the last decision back; what held before holds again, at once.")
        {
            id,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            // Naming what was seen: of two who do this at once, one succeeds, and none undoes the other's.
            long? proposal = session.Parse.GetValue(id);
            long? seen = null;
            if (proposal is null)
            {
                LimitVersionListView last = await session.Client.LimitVersionsAsync(1, cancel).ConfigureAwait(false);
                seen = last.Versions is [var version] ? version.Version : 0;
            }

            return Decided(session, await session.Client
                .RollBackLimitsAsync(new RollbackLimitsBody(seen, proposal), cancel).ConfigureAwait(false));
        });
    }

    /// <summary>Decisions on the limits of all tenants.</summary>
    public static async Task<int> PrintVersionsAsync(AdminSession session, int most, CancellationToken cancel)
    {
        LimitVersionListView view = await session.Client.LimitVersionsAsync(most, cancel).ConfigureAwait(false);
        if (session.IsJson)
        {
            session.Output.Json(view, AdminJson.Default.LimitVersionListView);
        }
        else
        {
            session.Output.Table(Versions, [.. view.Versions.Select(RowOf)]);
        }

        return 0;
    }

    private static int Decided(AdminSession session, LimitVersionView version)
    {
        if (session.IsJson)
        {
            session.Output.Json(version, AdminJson.Default.LimitVersionView);
            return 0;
        }

        session.Output.Pairs(
            ("version", version.Version.ToString(CultureInfo.InvariantCulture)),
            ("effective", TimeText.Of(version.EffectiveAt)),
            ("multipliers", WordsOf(version.Multipliers)));
        return 0;
    }

    private static void Print(CommandOutput output, LimitsFollowingView view)
    {
        output.Pairs(
            ("mode", view.Mode),
            ("in force", $"version {view.InForce.Version}: {WordsOf(view.InForce.Multipliers)}"),
            ("announced", view.Announced is { } next
                ? $"version {next.Version} at {TimeText.Of(next.EffectiveAt)}: {WordsOf(next.Multipliers)}"
                : "nothing"));
        output.Line("");
        foreach (string line in view.Arithmetic)
        {
            output.Line(line);
        }

        output.Line("");
        output.Line(view.Proposal is not { } proposal ? "Nothing to propose."
            : $"Proposal{(view.ProposalId is { } id ? Text($" {id}") : ", not recorded (--record)")} "
                + $"({proposal.Cause.Replace('_', ' ')}): {WordsOf(proposal.Multipliers)}"
                + (proposal.AnnounceHours > 0 ? Text($", {proposal.AnnounceHours:0.#} h after it is applied") : "")
                + (proposal.By is { } by ? $", at {TimeText.Of(by)} at the latest" : ""));
    }

    private static int FromFile(ParseResult parse, string file, string? fleetFile, bool markdown)
    {
        (LimitCaseConfig? config, IReadOnlyList<FleetFileProblem> problems) = LimitCaseFile.Read(file);
        if (config is null)
        {
            throw new CommandException(ProblemText.Format(problems));
        }

        ImmutableArray<CapacitySource>? fleet = fleetFile is null ? null : CapacityOf(fleetFile, config.Rules);
        if (fleet is null && config.Capacity.Length == 0)
        {
            throw new CommandException($"{file} tells no capacity. Add it, or name a fleet file with --config.");
        }

        TextWriter output = parse.InvocationConfiguration.Output;
        if (markdown)
        {
            output.Write(LimitCasePage.Write(config));
            return 0;
        }

        CaseResult result = LimitCase.Run(config, new CaseVariant(), fleet);
        foreach (string line in result.Step.Arithmetic)
        {
            output.WriteLine(line);
        }

        output.WriteLine();
        output.WriteLine(result.Step.Proposal is { } proposal
            ? $"Would propose: {string.Join(", ", proposal.Next.Entries.Select(e => $"{e.Tier} x{e.Words()}"))}"
            : "Nothing to propose.");
        return result.Step.Refused.IsEmpty ? 0 : AdminAction.Failed;
    }

    /// <summary>Capacity of every deployment of a fleet file as if it were served, at the speed assumed of it.
    /// </summary>
    private static ImmutableArray<CapacitySource> CapacityOf(string path, LimitsFollowConfig rules)
    {
        FleetFileResult file = FleetSource.Reader.ReadFile(path);
        FleetConfig config = file.Config ?? throw new CommandException(ProblemText.Format(file.Problems));
        var nowhere = new Uri("http://localhost/");
        var model = FleetModel.Build(config, config.Deployments.ToDictionary(d => d.Id, _ => nowhere));
        var state = new FleetState { Model = model };
        DeploymentSpeed SpeedOf(Deployment d) => new(
            state.Routing.Cells[state.LoadOf(d).Number], d.Prior != SpeedPrior.Unknown, d.Config.MaxConcurrency);
        ImmutableArray<CapacitySource> sources = FleetCapacity.Of(
            model, SpeedOf, static _ => new RequestShape(1000, 500), rules);
        return [.. sources.Select(s => s with { Class = TierMultipliers.Unclassed })];
    }

    private static string[] RowOf(LimitProposalView p) =>
    [
        p.Id.ToString(CultureInfo.InvariantCulture),
        TimeText.Of(p.At),
        p.State,
        p.Proposed.Cause.Replace('_', ' '),
        p.ProposedBy,
        p.BaseVersion.ToString(CultureInfo.InvariantCulture),
        WordsOf(p.Proposed.Multipliers),
        Text($"{p.Proposed.AnnounceHours:0.#} h ahead") + (p.Proposed.By is { } by ? $", by {TimeText.Of(by)}" : ""),
        p.DecidedAt is { } at ? $"{TimeText.Of(at)} by {p.DecidedBy}" : "-",
    ];

    private static string[] RowOf(LimitVersionView v) =>
    [
        v.Version.ToString(CultureInfo.InvariantCulture),
        TimeText.Of(v.EffectiveAt),
        TimeText.Of(v.At),
        v.Actor,
        v.Proposal is { } id ? Text($"proposal {id}") : Text($"rollback of version {v.RolledBack}"),
        WordsOf(v.Multipliers),
    ];

    private static string WordsOf(IReadOnlyList<MultiplierView> multipliers) => multipliers.Count == 0
        ? "what tiers promise"
        : string.Join(", ", multipliers.Select(m =>
            $"{m.Tier}{(m.ModelClass is { } c ? $"/{c}" : "")} x{m.Hours}"));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

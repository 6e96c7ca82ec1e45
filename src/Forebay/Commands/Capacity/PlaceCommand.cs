using System.Collections.Frozen;
using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin.Contract;
using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Demand;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Time;
using Forebay.Core.Usage;

namespace Forebay.Commands.Capacity;

/// <summary><c>forebay place</c>: what a running server's placement decided last; with <c>--dry-run</c>, what it would
/// start from nothing, where, and why. Changes nothing.</summary>
public static class PlaceCommand
{
    private static readonly Option<bool> DryRun = new("--dry-run")
    {
        Description = "Say what would be placed from nothing, without a server.",
    };

    private static readonly Option<string> Config = new("--config", "-c")
    {
        Description = "The fleet file.", DefaultValueFactory = _ => "forebay.yaml", HelpName = "FILE",
    };

    private static readonly Option<string?> Demand = new("--demand")
    {
        Description = "CSV with the demand by hour of week, or its history; without it only minimums are placed.",
        HelpName = "FILE",
    };

    private static readonly Option<DateTimeOffset?> At =
        TimeArguments.Moment("--at", "The time to place for; now if left out.", back: false);

    private static readonly Option<long> Seed = new("--seed")
    {
        Description = "Decides between what is equal otherwise.", DefaultValueFactory = _ => 1,
    };

    public static Command Create()
    {
        var command = new Command("place", "Show what runs where, and why; or what would.")
        {
            DryRun, Config, Demand, At, Seed,
        };
        return AdminAction.On(
            command,
            ShowAsync,
            apart: static (parse, cancel) => parse.GetValue(DryRun) ? TryAsync(parse, cancel) : null);
    }

    private static async Task<int> ShowAsync(AdminSession session, CancellationToken cancel)
    {
        PlacementStateView view = await session.Client.PlacementAsync(cancel);
        if (session.IsJson)
        {
            session.Output.Json(view, AdminJson.Default.PlacementStateView);
        }
        else
        {
            PlacementStateText.Print(session.Output, view);
        }

        return 0;
    }

    private static async Task<int> TryAsync(ParseResult parse, CancellationToken cancel)
    {
        string path = parse.GetRequiredValue(Config);
        FleetFileResult read = new FleetFileReader(AcceleratorCatalogue.BuiltIn.Names.ToFrozenSet()).ReadFile(path);
        if (read.Config is not { } fleet)
        {
            await parse.InvocationConfiguration.Error.WriteLineAsync(ProblemText.Format(read.Problems));
            return AdminAction.Failed;
        }

        DateTimeOffset at = parse.GetValue(At) ?? TimeProvider.System.GetUtcNow();
        var now = new Instant(0, at.ToUnixTimeMilliseconds());
        IReadOnlyList<DemandForecast> demand = await DemandAsync(parse, fleet, now, cancel);
        PlacementProblem problem = new PlacementInputs().ProblemAt(fleet, demand, ExportMasks.None, now);
        if (problem.Pools.IsEmpty || problem.Versions.IsEmpty)
        {
            throw new CommandException(problem.Pools.IsEmpty
                ? $"{path} has no pool with placement: automatic, so there is nowhere to place anything."
                : $"No model of {path} has versions, so there is nothing to place.");
        }

        PlacementPlan plan = Placer.Step(problem, PlacementState.Empty, now, (ulong)parse.GetValue(Seed));
        if (parse.GetValue<bool>("--json"))
        {
            parse.InvocationConfiguration.Output.WriteLine(PlacementJson.Of(plan, problem));
        }
        else
        {
            PlacementView.Print(new CommandOutput(parse.InvocationConfiguration.Output), plan, problem);
        }

        return 0;
    }

    private static async Task<IReadOnlyList<DemandForecast>> DemandAsync(
        ParseResult parse, FleetConfig fleet, Instant now, CancellationToken cancel)
    {
        long hour = HourOfWeek.HourAt(now.WallUnixMs);
        if (parse.GetValue(Demand) is { } file)
        {
            var problems = new List<string>();
            IReadOnlyList<DemandForecast> demand =
                DemandCsv.Read(await File.ReadAllTextAsync(file, cancel), fleet, hour, problems);
            return problems.Count == 0 ? demand
                : throw new CommandException($"{file} cannot be used:\n  {string.Join("\n  ", problems.Take(20))}");
        }

        if (parse.GetValue<string?>("--data") is not { } data)
        {
            return [];
        }

        int weeks = fleet.Server.Placement.DemandWeeks;
        UsageQuery query = LedgerDemand.QueryFor(weeks, hour);
        using var client = new AdminClient(ServerLocator.Find(Path.GetFullPath(data), null, null));
        UsageView usage = await client.UsageAsync(
            UsageCommand.QueryOf(
                ("from", UsageCommand.Text(query.From)),
                ("to", UsageCommand.Text(query.To)),
                ("group_by", "hour,tenant,model")),
            cancel);
        var history = new DemandHistory(weeks);
        LedgerDemand.AddTo(history, usage.Rows.Select(RowOf), fleet);
        return [.. history.Keys.Select(k => history.Forecast(k, fleet.Server.Placement.DemandQuantile, hour))];
    }

    private static UsageRow RowOf(UsageRowView row) => new(
        [row.Group["hour"], row.Group["tenant"], row.Group["model"]],
        row.Requests,
        row.FailedRequests,
        new TokenUsage(row.InputTokens, row.CacheReadTokens, row.CacheWriteTokens, row.OutputTokens),
        row.ProviderCostMicros,
        row.CustomerPriceMicros,
        row.MeanTimeToFirstTokenMs,
        row.MeanTotalMs);

    /// <summary>A number of dollars, or of anything else, short.</summary>
    internal static string Short(double number) => number.ToString("#,0.##", CultureInfo.InvariantCulture);
}

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

/// <summary><c>forebay place --dry-run</c>: what placement would start from nothing, where, and why. Changes nothing.
/// </summary>
public static class PlaceCommand
{
    private static readonly Option<bool> DryRun = new("--dry-run")
    {
        Description = "Only say what would be placed. Required: a running server places by itself.",
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

    private static readonly Option<string?> Data = new("--data")
    {
        Description = "Data directory of a running server: forecast from the usage that it has recorded.",
        HelpName = "DIR",
    };

    private static readonly Option<DateTimeOffset?> At =
        TimeArguments.Moment("--at", "The time to place for; now if left out.", back: false);

    private static readonly Option<long> Seed = new("--seed")
    {
        Description = "Decides between what is equal otherwise.", DefaultValueFactory = _ => 1,
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one line of JSON." };

    public static Command Create()
    {
        var command = new Command("place", "Say which model versions would run where, with how many replicas, and why.")
        {
            DryRun, Config, Demand, Data, At, Seed, Json,
        };
        command.SetAction((parse, cancel) => AdminAction.GuardAsync(parse, () => RunAsync(parse, cancel)));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, CancellationToken cancel)
    {
        if (!parse.GetValue(DryRun))
        {
            throw new CommandException(
                "Add --dry-run: a running server places by itself, this only says what it would do.");
        }

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
        if (parse.GetValue(Json))
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

        if (parse.GetValue(Data) is not { } data)
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

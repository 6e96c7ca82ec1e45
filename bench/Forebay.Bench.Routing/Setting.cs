using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Simulation.Cells;
using Forebay.Simulation.Traces;

namespace Forebay.Bench.Routing;

/// <summary>A fleet and a trace, and what the one can do of the other.</summary>
internal sealed class Setting
{
    /// <summary>First tokens within five seconds, the others at ten a second or faster.</summary>
    public static readonly CellObjective Objective = new(5_000, 100);

    private Setting(string fleetName, CellFleet fleet, CellTrace trace)
    {
        FleetName = fleetName;
        Fleet = fleet;
        Trace = trace;
        CapacityTokensPerSecond = CellCapacity.TokensPerSecond(fleet, trace);
    }

    public string FleetName { get; }

    public CellFleet Fleet { get; }

    public CellTrace Trace { get; }

    public double CapacityTokensPerSecond { get; }

    /// <summary>Reads fleet and trace; what is wrong with either is thrown together.</summary>
    /// <exception cref="UnusableException">Says all that is wrong.</exception>
    public static Setting Load(string fleetFile, string traceFile, double? minutes = null)
    {
        var problems = new List<string>();
        CellFleet? fleet = ReadFleet(fleetFile, problems);
        CellTrace? trace = ReadTrace(traceFile, minutes, problems);
        return fleet is not null && trace is not null
            ? new Setting(Path.GetFileNameWithoutExtension(fleetFile), fleet, trace)
            : throw new UnusableException(problems);
    }

    /// <summary>Runs a cell, checked from outside.</summary>
    public CellFigures Run(double load, CellPolicy policy, ulong seed)
    {
        double rate = load * CapacityTokensPerSecond;
        var spec = new CellSpec { Fleet = Fleet, Arrivals = Trace.Arrivals(seed, rate), Policy = policy, Seed = seed };
        var checker = new CellChecker(Fleet, spec.Arrivals);
        var tally = new CellTally(spec.Arrivals);
        CellEnd end = Cell.Run(spec, new CellObservers([checker, tally]));
        checker.Ended();
        return new CellFigures
        {
            Trace = Trace.Name,
            Fleet = FleetName,
            Policy = policy.Name,
            Load = load,
            Seed = seed,
            CapacityTokensPerSecond = CapacityTokensPerSecond,
            SpeedUp = rate / Trace.TokensPerSecond,
            Report = CellReport.Of(spec, tally, end, Objective),
        };
    }

    /// <summary>Reads a fleet file.</summary>
    /// <exception cref="UnusableException">Says all that is wrong.</exception>
    public static FleetConfig ReadFleet(string file)
    {
        var problems = new List<string>();
        return ReadConfig(file, problems) ?? throw new UnusableException(problems);
    }

    private static FleetConfig? ReadConfig(string file, List<string> problems)
    {
        var known = AcceleratorCatalogue.BuiltIn.Names.ToHashSet(StringComparer.OrdinalIgnoreCase);
        FleetFileResult read = new FleetFileReader(known).Read(File.ReadAllText(file), file);
        problems.AddRange(read.Problems.Select(p => $"{p.File}:{p.Line}:{p.Column}: {p.Message}. {p.Fix}"));
        return read.Config;
    }

    private static CellFleet? ReadFleet(string file, List<string> problems)
    {
        if (ReadConfig(file, problems) is not { } config)
        {
            return null;
        }

        try
        {
            return CellFleet.Build(config);
        }
        catch (ArgumentException e)
        {
            problems.Add($"{file}: {e.Message}");
            return null;
        }
    }

    private static CellTrace? ReadTrace(string file, double? minutes, List<string> problems)
    {
        try
        {
            using var text = new StreamReader(file);
            return CellTrace.Of(
                Path.GetFileName(file), TraceSlice.First(TraceReader.Read(text, file), null, minutes * 60));
        }
        catch (Exception e) when (e is TraceFormatException or IOException or UnauthorizedAccessException)
        {
            problems.Add(e.Message);
            return null;
        }
    }
}

/// <summary>Files that cannot be used.</summary>
internal sealed class UnusableException(IReadOnlyList<string> problems)
    : Exception(string.Join(Environment.NewLine, problems));

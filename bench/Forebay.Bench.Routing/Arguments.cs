using System.Globalization;
using Forebay.Simulation.Cells;

namespace Forebay.Bench.Routing;

/// <summary>What was asked, checked as a whole: every mistake is reported at once.</summary>
internal sealed class Arguments
{
    public static string Usage => $"""
        Usage: bench/routing/run.sh [OPTIONS]
          One cell:   --trace FILE [--load 0.85] [--policy predictive] [--seed 1] [--fleet FILE] [--json FILE]
          The table:  [--traces FOLDER] [--fleet FILE] [--seeds 5] [--jobs 1] [--markdown FILE] [--json FILE]
          --trace FILE      Mooncake JSON lines or Azure LLM inference CSV; which is found out
          --load SHARE      of the fleet's capacity for the trace: above 0, at most 10
          --policy NAME     {PolicyNames}
          --seed N          0 is the trace as it is; any other draws which requests and exactly when
          --fleet FILE      fleet file; bench/routing/mixed.yaml, and for the table uniform.yaml too, when left out
          --json FILE       writes the figures; standard output when FILE is -
          --traces FOLDER   with mooncake/conversation_trace.jsonl and azure-llm-2023/AzureLLMInferenceTrace_conv.csv
        """;

    private static readonly string[] CellOptions = ["--trace", "--load", "--policy", "--seed"];
    private static readonly string[] TableOptions = ["--traces", "--seeds", "--jobs", "--markdown"];
    private static readonly string[] CommonOptions = ["--fleet", "--json", "--root"];

    private readonly Dictionary<string, string> _given = new(StringComparer.Ordinal);
    private readonly List<string> _problems = [];

    public Arguments(IReadOnlyList<string> args)
    {
        for (int i = 0; i < args.Count; i++)
        {
            string name = args[i];
            if (name is "--help" or "-h")
            {
                WantsHelp = true;
            }
            else if (!CellOptions.Concat(TableOptions).Concat(CommonOptions).Contains(name, StringComparer.Ordinal))
            {
                _problems.Add($"{name}: no such option.");
                i += i + 1 < args.Count && !args[i + 1].StartsWith("--", StringComparison.Ordinal) ? 1 : 0;
            }
            else if (i + 1 == args.Count || args[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                _problems.Add($"{name}: a value must follow.");
            }
            else if (!_given.TryAdd(name, args[++i]))
            {
                _problems.Add($"{name}: given twice.");
            }
        }

        Check();
    }

    public bool WantsHelp { get; }

    public IReadOnlyList<string> Problems => _problems;

    /// <summary>One cell was asked for, not the table.</summary>
    public bool IsCell => CellOptions.Any(_given.ContainsKey);

    public string Root => _given.GetValueOrDefault("--root") ?? ".";

    public string? Trace { get; private set; }

    public double Load { get; private set; } = 0.85;

    public CellPolicy Policy { get; private set; } = CellPolicy.All[0];

    public ulong Seed { get; private set; } = 1;

    public int Seeds { get; private set; } = 5;

    public int Jobs { get; private set; } = 1;

    public string? Fleet => _given.GetValueOrDefault("--fleet");

    public string? Json => _given.GetValueOrDefault("--json");

    public string? Markdown => _given.GetValueOrDefault("--markdown");

    public string Traces => _given.GetValueOrDefault("--traces") ?? Path.Combine(Root, "..", "shared", "traces");

    private void Check()
    {
        Trace = _given.GetValueOrDefault("--trace");
        if (IsCell)
        {
            foreach (string name in TableOptions.Where(_given.ContainsKey))
            {
                _problems.Add($"{name}: goes with the table, not with one cell.");
            }

            if (Trace is null && _problems.Count == 0)
            {
                _problems.Add("--trace: name the trace of the cell.");
            }
        }

        Load = Number("--load", Load, v => v is > 0 and <= 10, "a share of capacity above 0, at most 10, such as 0.85");
        Seed = (ulong)Number("--seed", Seed, v => v >= 0 && v == Math.Floor(v), "a whole number, 0 or more");
        Seeds = (int)Number("--seeds", Seeds, v => v is >= 1 and <= 100 && v == Math.Floor(v), "1 to 100");
        Jobs = (int)Number("--jobs", Jobs, v => v is >= 1 and <= 64 && v == Math.Floor(v), "1 to 64");
        if (_given.TryGetValue("--policy", out string? policy))
        {
            CellPolicy? found = CellPolicy.Find(policy);
            if (found is null)
            {
                _problems.Add($"--policy: '{policy}' is none of {PolicyNames}.");
            }

            Policy = found ?? Policy;
        }

        foreach (string name in (string[])["--trace", "--fleet"])
        {
            if (_given.TryGetValue(name, out string? path) && !File.Exists(path))
            {
                _problems.Add($"{name}: there is no file {path}.");
            }
        }

        foreach (string name in (string[])["--json", "--markdown"])
        {
            if (_given.TryGetValue(name, out string? path) && path != "-"
                && Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder))
            {
                _problems.Add($"{name}: there is no folder {folder}.");
            }
        }
    }

    public static string PolicyNames => string.Join(", ", CellPolicy.All.Select(p => p.Name));

    private double Number(string name, double otherwise, Predicate<double> holds, string expected)
    {
        if (!_given.TryGetValue(name, out string? text))
        {
            return otherwise;
        }

        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && holds(value))
        {
            return value;
        }

        _problems.Add($"{name}: '{text}' is not {expected}.");
        return otherwise;
    }
}

using Forebay.Bench.Routing;

if (args is ["--compare", string twin, string live])
{
    // What bench/routing/live.sh ends with.
    return LiveComparison.Print(twin, live);
}

var asked = new Arguments(args);
if (asked.WantsHelp)
{
    Console.WriteLine(Arguments.Usage);
    return 0;
}

if (asked.Problems.Count > 0)
{
    foreach (string problem in asked.Problems)
    {
        Console.Error.WriteLine(problem);
    }

    Console.Error.WriteLine("bench/routing/run.sh --help says what there is.");
    return 2;
}

string fleets = Path.Combine(asked.Root, "bench", "routing");
try
{
    if (asked.IsCell)
    {
        var setting = Setting.Load(asked.Fleet ?? Path.Combine(fleets, "mixed.yaml"), asked.Trace!, asked.Minutes);
        Write(asked.Json ?? "-", CellFigures.Json([setting.Run(asked.Load, asked.Policy, asked.Seed)]));
        return 0;
    }

    string[] traces =
    [
        Path.Combine(asked.Traces, "mooncake", "conversation_trace.jsonl"),
        Path.Combine(asked.Traces, "azure-llm-2023", "AzureLLMInferenceTrace_conv.csv"),
    ];
    string[] missing = [.. traces.Where(t => !File.Exists(t))];
    if (missing.Length > 0)
    {
        throw new UnusableException(
            [.. missing.Select(m => $"There is no file {m}."), "Name the folder of the traces with --traces."]);
    }

    var table = new Table(asked.Seeds, asked.Jobs);
    foreach (string fleet in asked.Fleet is { } given ? [given] : (string[])["mixed.yaml", "uniform.yaml"])
    {
        foreach (string trace in traces)
        {
            table.Run(Setting.Load(asked.Fleet ?? Path.Combine(fleets, fleet), trace));
        }
    }

    string fairness = Fairness.ToMarkdown(
        Setting.ReadFleet(asked.Fleet ?? Path.Combine(fleets, "mixed.yaml")), asked.Seeds);
    Write(asked.Markdown ?? "-", table.ToMarkdown() + Environment.NewLine + fairness);
    if (asked.Json is { } json)
    {
        Write(json, CellFigures.Json(table.Cells));
    }

    return 0;
}
catch (UnusableException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

static void Write(string path, string text)
{
    if (path == "-")
    {
        Console.WriteLine(text);
    }
    else
    {
        File.WriteAllText(path, text + Environment.NewLine);
    }
}

using Forebay.Bench.Gateway;
using Forebay.Bench.Gateway.Lifecycle;

string? Option(string name)
{
    int at = Array.IndexOf(args, name);
    return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
}

if (Option("--root") is not { } root || Option("--work") is not { } work)
{
    Console.Error.WriteLine("Start it through bench/gateway/run.sh or bench/lifecycle/run.sh.");
    return 2;
}

if (args.Contains("--lifecycle"))
{
    return await new LifecycleBench(Option).RunAsync(root, work);
}

using Contest contest = await Contest.StartAsync(root, work);
var load = new Load(Path.Combine(work, "tools"), Path.Combine(root, "bench", "gateway", "tools"));
var bodies = new Bodies(Path.Combine(work, "bodies"));
var results = new Results(Machine.Here(TimeProvider.System.GetUtcNow()), contest.ForebayReadyMs);
await new Suite(contest, load, bodies, args.Contains("--quick")).RunAsync(results);
string markdown = Markdown.Of(results);
Console.WriteLine(markdown);
if (Option("--json") is { } json)
{
    await File.WriteAllTextAsync(json, results.ToJson());
}

if (Option("--markdown") is { } page)
{
    await File.WriteAllTextAsync(page, markdown);
}

return 0;

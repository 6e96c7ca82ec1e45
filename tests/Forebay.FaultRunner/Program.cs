using System.Diagnostics;
using Forebay.FaultRunner;
using Forebay.TestKit;
using Forebay.TestKit.Faults;

// Proves that the tests notice the faults of tests/faults/faults.txt. Arguments: ids of faults; none means all.
// --page instead writes docs/reference/gateway-faults.md.
// FOREBAY_FAULTS_FOLDER: where the copy of the source is kept between runs.
IReadOnlyList<Fault> all = FaultList.Load();
if (args is ["--page"])
{
    File.WriteAllText(
        Path.Combine(SharedFiles.RepositoryRoot, "docs", "reference", "gateway-faults.md"), FaultList.Page(all));
    return 0;
}

string[] unknown = [.. args.Where(a => all.All(f => f.Id != a))];
if (unknown.Length > 0)
{
    Console.Error.WriteLine($"No such fault: {string.Join(", ", unknown)}. See {FaultList.Path}.");
    return 2;
}

string folder = Environment.GetEnvironmentVariable("FOREBAY_FAULTS_FOLDER")
    ?? Path.Combine(Path.GetTempPath(), "forebay-faults");
var tree = new ScratchTree(Path.Combine(folder, "tree"));
tree.Fill(all);
Fault[] chosen = [.. all.Where(f => args.Length == 0 || args.Contains(f.Id))];
string[] projects = [.. chosen.SelectMany(f => f.Tests).Select(t => t.Project).Distinct()];
foreach (string project in projects)
{
    Console.WriteLine($"Building {project} with {all.Count} faults in it, all switched off...");
    if (!await BuildAsync(project))
    {
        return 1;
    }
}

Console.WriteLine("Without a fault:");
bool sound = true;
foreach (string project in projects)
{
    FaultTest[] tests = [.. chosen.SelectMany(f => f.Tests).Where(t => t.Project == project).Distinct()];
    var program = new TestProgram(tree, project);
    RunEnd end = await program.RunAsync(tests, null);
    ILookup<string, string>? results = end is RunEnd.Passed or RunEnd.Failed ? program.SoundResults() : null;
    string[] bad = [.. tests.Select(t => t.FullName).Where(n => results is null || !results[n].Contains("Pass"))
        .Concat(results?.Where(r => r.Contains("Fail")).Select(r => r.Key) ?? []).Distinct()];
    Console.WriteLine($"  {project}: {tests.Length} tests, {end}");
    sound &= end == RunEnd.Passed && bad.Length == 0;
    foreach (string name in bad)
    {
        Console.WriteLine($"    does not pass: {name}");
    }
}

// Most of the time a failing test waits for what does not come: a few at once cost each other little.
using var places = new SemaphoreSlim(4);
Task<RunEnd>[] runs = [.. chosen.Select(RunAsync)];
int survived = 0;
foreach ((Fault fault, Task<RunEnd> run) in chosen.Zip(runs))
{
    RunEnd end = await run;
    survived += end == RunEnd.Passed ? 1 : 0;
    string outcome = end switch
    {
        RunEnd.Passed => "SURVIVED",
        RunEnd.Failed => "caught",
        RunEnd.Crashed => "caught (the process died)",
        _ => "caught (the test hung)",
    };
    Console.WriteLine($"{fault.Id,-36} {outcome,-26} {fault.Says}");
}

Console.WriteLine($"{chosen.Length - survived} of {chosen.Length} faults caught, {survived} survived.");
return survived == 0 && sound ? 0 : 1;

async Task<RunEnd> RunAsync(Fault fault)
{
    await places.WaitAsync();
    try
    {
        RunEnd end = RunEnd.Passed;
        foreach (IGrouping<string, FaultTest> tests in fault.Tests.GroupBy(t => t.Project))
        {
            end = end == RunEnd.Passed ? await new TestProgram(tree, tests.Key).RunAsync(tests, fault.Id) : end;
        }

        return end;
    }
    finally
    {
        places.Release();
    }
}

async Task<bool> BuildAsync(string project)
{
    var start = new ProcessStartInfo("dotnet") { WorkingDirectory = tree.Root, RedirectStandardOutput = true };
    foreach (string argument in (string[])[
        "build", $"tests/{project}", "--configuration", "Release", "--verbosity", "quiet", "--nologo",
        "-p:TreatWarningsAsErrors=false", "-p:RunAnalyzers=false", "-p:EnforceCodeStyleInBuild=false"])
    {
        start.ArgumentList.Add(argument);
    }

    using Process process = Process.Start(start)!;
    string output = await process.StandardOutput.ReadToEndAsync(CancellationToken.None);
    await process.WaitForExitAsync(CancellationToken.None);
    if (process.ExitCode != 0)
    {
        Console.WriteLine(string.Join('\n', output.Split('\n').Where(l => l.Contains(": error ")).Distinct()));
        Console.WriteLine($"The copy with the faults in it does not build; it lies in {tree.Root}. " +
            $"The source is {SharedFiles.RepositoryRoot}.");
    }

    return process.ExitCode == 0;
}

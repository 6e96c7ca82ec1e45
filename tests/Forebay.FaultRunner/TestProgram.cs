using System.Diagnostics;
using System.Xml.Linq;
using Forebay.TestKit.Faults;

namespace Forebay.FaultRunner;

/// <summary>How a run of tests ended.</summary>
internal enum RunEnd : byte
{
    Passed,
    Failed,
    Crashed,
    Hung,
}

/// <summary>A built test program of the scratch tree.</summary>
internal sealed class TestProgram(ScratchTree tree, string project)
{
    /// <summary>Longer than any single test takes, a hung one's own patience included.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>Runs the tests, with a fault switched on or without.</summary>
    public async Task<RunEnd> RunAsync(IEnumerable<FaultTest> tests, string? fault)
    {
        string results = ResultsOf(fault);
        File.Delete(results);
        var start = new ProcessStartInfo(Path.Combine(tree.Root, "artifacts", "bin", project, "release", project))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in (string[])["-noLogo", "-noColor", "-reporter", "quiet", "-xml", results])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (FaultTest test in tests)
        {
            start.ArgumentList.Add("-method");
            start.ArgumentList.Add(test.FullName);
        }

        if (fault is not null)
        {
            start.ArgumentList.Add("-stopOnFail");
            start.Environment[FaultPatch.Variable] = fault;
        }

        using var limit = new CancellationTokenSource(Patience, TimeProvider.System);
        using Process process = Process.Start(start)!;
        Task output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        Task errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(limit.Token);
            await Task.WhenAll(output, errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            return RunEnd.Hung;
        }

        return process.ExitCode switch
        {
            0 => RunEnd.Passed,
            _ when File.Exists(results) => RunEnd.Failed,
            _ => RunEnd.Crashed,
        };
    }

    /// <summary>The tests of the run without a fault by full name, with their result.</summary>
    public ILookup<string, string> SoundResults() => XDocument.Load(ResultsOf(null)).Descendants("test").ToLookup(
        t => $"{t.Attribute("type")!.Value}.{t.Attribute("method")!.Value}", t => t.Attribute("result")!.Value);

    private string ResultsOf(string? fault) =>
        Path.Combine(tree.Root, "artifacts", $"{project}.{fault ?? "sound"}.xml");
}

using System.Runtime.InteropServices;

namespace Forebay.Bench.Gateway;

/// <summary>What it was measured on.</summary>
internal sealed record Machine(string Processor, int Cores, double MemoryGib, string System, string Runtime, string Date)
{
    public static Machine Here(DateTimeOffset now) => new(
        Field("/proc/cpuinfo", "model name"),
        Environment.ProcessorCount,
        Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1073741824.0, 1),
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription,
        now.ToString("yyyy-MM-dd"));

    private static string Field(string file, string name) =>
        File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':')[1].Trim()
        ?? "unknown";
}

using System.Globalization;
using Forebay.Core.Config;
using Forebay.Core.Serving.Links;

namespace Forebay.Control.FleetFile;

/// <summary>
/// Reads the schedule of a site's link: a header <c>at_seconds,latency_ms,bandwidth_mbps,loss,available</c>, then one
/// step a line. An empty bandwidth is not limited; available is true or false. Lines that begin with # say something to
/// people. Order, ranges and the rest are the rules' to judge, as for steps in the fleet file itself.
/// </summary>
internal static class LinkScheduleFile
{
    public const string Header = "at_seconds,latency_ms,bandwidth_mbps,loss,available";

    /// <summary>Steps that a schedule may have: a minute each for two years.</summary>
    private const int MaxSteps = 1_100_000;

    private const int MaxProblems = 5;

    /// <summary>Reads the file; on any problem the steps are empty and every problem, up to five, is told.</summary>
    public static LinkStepConfig[] Read(string path, out IReadOnlyList<string> problems)
    {
        var found = new List<string>();
        problems = found;
        var steps = new List<LinkStepConfig>();
        try
        {
            int number = 0;
            bool headed = false;
            foreach (string line in File.ReadLines(path))
            {
                number++;
                if (string.IsNullOrWhiteSpace(line) || line[0] == '#')
                {
                    continue;
                }

                if (!headed)
                {
                    headed = true;
                    if (line.Trim() != Header)
                    {
                        found.Add($"line {number}: expected the header {Header}");
                        break;
                    }
                }
                else if (Parse(line, out LinkStepConfig? step) is { } problem)
                {
                    found.Add($"line {number}: {problem}");
                }
                else
                {
                    steps.Add(step!);
                }

                if (found.Count >= MaxProblems || steps.Count > MaxSteps)
                {
                    break;
                }
            }

            if (found.Count == 0 && steps.Count is 0 or > MaxSteps)
            {
                found.Add(steps.Count == 0 ? "it has no steps" : $"it has more than {MaxSteps:N0} steps");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException
            or ArgumentException)
        {
            found.Add(e is FileNotFoundException or DirectoryNotFoundException
                ? "there is no such file"
                : $"it cannot be read: {e.Message}");
        }

        return found.Count == 0 ? [.. steps] : [];
    }

    private static string? Parse(string line, out LinkStepConfig? step)
    {
        step = null;
        string[] cells = line.Split(',', StringSplitOptions.TrimEntries);
        if (cells.Length != 5)
        {
            return $"expected 5 columns, found {cells.Length}";
        }

        string[] names = Header.Split(',');
        Span<double> values = stackalloc double[4];
        for (int i = 0; i < values.Length; i++)
        {
            bool unlimited = i == 2 && cells[i].Length == 0;
            bool number = double.TryParse(cells[i], NumberStyles.Float, CultureInfo.InvariantCulture, out values[i])
                && double.IsFinite(values[i]);
            if (!unlimited && !number)
            {
                return $"{names[i]} {Words.Quote(cells[i])} is not a number";
            }
        }

        if (!bool.TryParse(cells[4], out bool available))
        {
            return $"available {Words.Quote(cells[4])} is neither true nor false";
        }

        step = new LinkStepConfig
        {
            AtSeconds = values[0],
            LatencyMs = values[1],
            BandwidthMbps = cells[2].Length == 0 ? null : values[2],
            Loss = values[3],
            Available = available,
        };
        return null;
    }
}

using System.Globalization;

namespace Forebay.Simulation.Traces;

/// <summary>
/// Reads the Azure LLM inference traces of 2023 (Azure/AzurePublicDataset, CC-BY-4.0; described in Patel et al.,
/// "Splitwise", ISCA 2024): a header, then one request a line as <c>TIMESTAMP,ContextTokens,GeneratedTokens</c>.
/// </summary>
public static class AzureLlmTrace
{
    public const string Header = "TIMESTAMP,ContextTokens,GeneratedTokens";
    private const string TimestampFormat = "yyyy-MM-dd HH:mm:ss.FFFFFFF";

    /// <summary>
    /// Streams the requests. Lines that cannot be used are left out and reported together: the enumeration throws at
    /// the end, or at the tenth of them.
    /// </summary>
    /// <param name="reader">The file's text; the caller keeps it open while enumerating and closes it.</param>
    /// <param name="source">Name for messages, such as the file's path.</param>
    /// <exception cref="TraceFormatException">Some lines, or the whole file, are not in this format.</exception>
    public static IEnumerable<TraceRequest> Read(TextReader reader, string source)
    {
        ArgumentNullException.ThrowIfNull(reader);
        string? header = reader.ReadLine();
        if (header is null || !header.Trim('\uFEFF', ' ').Equals(Header, StringComparison.OrdinalIgnoreCase))
        {
            throw new TraceFormatException(source, [new TraceProblem(1, $"the first line must be '{Header}'")]);
        }

        return ReadLines(reader, source);
    }

    private static IEnumerable<TraceRequest> ReadLines(TextReader reader, string source)
    {
        var problems = new List<TraceProblem>();
        DateTime? first = null;
        DateTime previous = DateTime.MinValue;
        int number = 1;
        while (problems.Count < TraceFormatException.MaxProblems && reader.ReadLine() is { } line)
        {
            number++;
            if (line.AsSpan().IsWhiteSpace())
            {
                continue;
            }

            if (Parse(line, previous, out DateTime at, out int input, out int output) is { } problem)
            {
                problems.Add(new TraceProblem(number, problem));
                continue;
            }

            first ??= at;
            previous = at;
            yield return new TraceRequest((at - first.Value).TotalSeconds, input, output);
        }

        if (first is null && problems.Count == 0)
        {
            problems.Add(new TraceProblem(number, "the file has no requests after its header"));
        }

        if (problems.Count > 0)
        {
            throw new TraceFormatException(source, problems);
        }
    }

    /// <summary>Parses one line; what is wrong with it, or null.</summary>
    private static string? Parse(
        ReadOnlySpan<char> line,
        DateTime previous,
        out DateTime at,
        out int inputTokens,
        out int outputTokens)
    {
        at = default;
        inputTokens = outputTokens = 0;
        Span<Range> columns = stackalloc Range[4];
        int count = line.Split(columns, ',', StringSplitOptions.TrimEntries);
        if (count != 3)
        {
            return $"expected 3 columns ({Header}), found {(count > 3 ? "more" : count)}";
        }

        ReadOnlySpan<char> timestamp = line[columns[0]];
        if (!DateTime.TryParseExact(
            timestamp, TimestampFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out at))
        {
            return $"'{timestamp}' is not a timestamp such as 2023-11-16 18:15:46.6805900";
        }

        if (at < previous)
        {
            return $"'{timestamp}' is earlier than the request before it; sort the file by TIMESTAMP";
        }

        return ParseTokens(line[columns[1]], "ContextTokens", out inputTokens)
            ?? ParseTokens(line[columns[2]], "GeneratedTokens", out outputTokens);
    }

    private static string? ParseTokens(ReadOnlySpan<char> text, string column, out int tokens) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out tokens)
            ? null
            : $"{column} '{text}' is not a whole number from 0 to {int.MaxValue}";
}

using System.Collections.Immutable;
using System.Text.Json;

namespace Forebay.Simulation.Traces;

/// <summary>
/// Reads the Mooncake traces (kvcache-ai/Mooncake, Apache-2.0; described in Qin et al., "Mooncake", FAST 2025): one
/// request a line as a JSON object with <c>timestamp</c> (milliseconds), <c>input_length</c>, <c>output_length</c> and
/// <c>hash_ids</c>, one id for each 512 tokens of the prompt, a partial block at its end included. Equal ids stand for
/// equal text and equal text before it.
/// </summary>
public static class MooncakeTrace
{
    private static readonly string[] Members = ["timestamp", "input_length", "output_length", "hash_ids"];

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
        return ReadLines(reader, source);
    }

    private static IEnumerable<TraceRequest> ReadLines(TextReader reader, string source)
    {
        var problems = new List<TraceProblem>();
        double? firstMs = null;
        double previousMs = double.NegativeInfinity;
        int number = 0;
        while (problems.Count < TraceFormatException.MaxProblems && reader.ReadLine() is { } line)
        {
            number++;
            if (line.AsSpan().IsWhiteSpace())
            {
                continue;
            }

            if (Parse(line, previousMs, out double atMs, out TraceRequest? request) is { } problem)
            {
                problems.Add(new TraceProblem(number, problem));
                continue;
            }

            firstMs ??= atMs;
            previousMs = atMs;
            yield return request! with { ArrivalSeconds = (atMs - firstMs.Value) / 1000 };
        }

        if (firstMs is null && problems.Count == 0)
        {
            problems.Add(new TraceProblem(Math.Max(1, number), "the file has no requests"));
        }

        if (problems.Count > 0)
        {
            throw new TraceFormatException(source, problems);
        }
    }

    /// <summary>Parses one line; what is wrong with it, or null.</summary>
    private static string? Parse(string line, double previousMs, out double atMs, out TraceRequest? request)
    {
        atMs = 0;
        request = null;
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(line);
        }
        catch (JsonException)
        {
            return $"is not a JSON object with {string.Join(", ", Members)}";
        }

        using (document)
        {
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                return $"is not a JSON object with {string.Join(", ", Members)}";
            }

            string[] missing = [.. Members.Where(m => !root.TryGetProperty(m, out _))];
            return missing.Length > 0
                ? $"has no {string.Join(", ", missing)}"
                : ParseMembers(root, previousMs, out atMs, out request);
        }
    }

    private static string? ParseMembers(
        JsonElement root, double previousMs, out double atMs, out TraceRequest? request)
    {
        request = null;
        JsonElement timestamp = root.GetProperty("timestamp");
        if (timestamp.ValueKind != JsonValueKind.Number || !timestamp.TryGetDouble(out atMs) || !(atMs >= 0))
        {
            atMs = 0;
            return $"timestamp {timestamp.GetRawText()} is not a number of milliseconds, 0 or more";
        }

        if (atMs < previousMs)
        {
            return $"timestamp {timestamp.GetRawText()} is earlier than the request before it; sort by timestamp";
        }

        string? wrongInput = ParseTokens(root, "input_length", out int input);
        string? wrongOutput = ParseTokens(root, "output_length", out int output);
        if ((wrongInput ?? wrongOutput) is { } length)
        {
            return length;
        }

        long expected = ((long)input + TraceRequest.TokensPerBlock - 1) / TraceRequest.TokensPerBlock;
        if (ParseBlocks(root.GetProperty("hash_ids"), expected, out ImmutableArray<int> blocks) is { } wrong)
        {
            return wrong;
        }

        request = new TraceRequest(0, input, output) { Blocks = blocks };
        return null;
    }

    private static string? ParseTokens(JsonElement root, string member, out int tokens)
    {
        JsonElement value = root.GetProperty(member);
        tokens = -1;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out tokens) && tokens >= 0
            ? null
            : $"{member} {value.GetRawText()} is not a whole number from 0 to {int.MaxValue}";
    }

    private static string? ParseBlocks(JsonElement ids, long expected, out ImmutableArray<int> blocks)
    {
        blocks = [];
        if (ids.ValueKind != JsonValueKind.Array)
        {
            return $"hash_ids is not an array of {expected} ids";
        }

        if (ids.GetArrayLength() != expected)
        {
            return $"hash_ids has {ids.GetArrayLength()} ids; input_length takes {expected}, " +
                $"one for each {TraceRequest.TokensPerBlock} tokens";
        }

        var builder = ImmutableArray.CreateBuilder<int>(ids.GetArrayLength());
        foreach (JsonElement id in ids.EnumerateArray())
        {
            if (id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out int value) || value < 0)
            {
                return $"hash_ids holds {id.GetRawText()}, not a whole number from 0 to {int.MaxValue}";
            }

            builder.Add(value);
        }

        blocks = builder.MoveToImmutable();
        return null;
    }
}

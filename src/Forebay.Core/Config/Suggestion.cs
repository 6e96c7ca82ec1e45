namespace Forebay.Core.Config;

/// <summary>Finds what a misspelt word was probably meant to be.</summary>
public static class Suggestion
{
    private const int MaxWordLength = 64;
    private const int MaxCandidates = 2000;
    private const int MaxListed = 8;

    /// <summary>
    /// The candidate nearest to the word by edits (insert, delete, replace, swap neighbours), if it is near enough to
    /// be a slip: at most a third of its letters, at least one. Cost: bounded by 2,000 candidates of 64 letters.
    /// </summary>
    public static string? For(string word, IEnumerable<string> candidates)
    {
        string? best = null;
        int bestDistance = int.MaxValue;
        foreach (string candidate in candidates.Take(MaxCandidates))
        {
            int allowed = Math.Max(1, candidate.Length / 3);
            if (word.Length > MaxWordLength || candidate.Length > MaxWordLength
                || Math.Abs(word.Length - candidate.Length) > Math.Min(allowed, bestDistance - 1))
            {
                continue;
            }

            int distance = Distance(word, candidate);
            if (distance <= allowed && distance < bestDistance)
            {
                (best, bestDistance) = (candidate, distance);
            }
        }

        return best;
    }

    /// <summary>A sentence that says what to write: the likely word, or else the words there are.</summary>
    public static string Sentence(string word, IReadOnlyCollection<string> candidates)
    {
        if (For(word, candidates) is { } likely)
        {
            return $"Did you mean {likely}?";
        }

        string listed = string.Join(", ", candidates.Take(MaxListed));
        return candidates.Count == 0 ? "" : candidates.Count <= MaxListed
            ? $"Use one of: {listed}."
            : $"Use one of: {listed} and {candidates.Count - MaxListed} more.";
    }

    /// <summary>Optimal string alignment distance, case ignored.</summary>
    private static int Distance(string a, string b)
    {
        Span<int> rows = stackalloc int[3 * (MaxWordLength + 1)];
        Span<int> before = rows[..(b.Length + 1)];
        Span<int> previous = rows.Slice(MaxWordLength + 1, b.Length + 1);
        Span<int> current = rows.Slice(2 * (MaxWordLength + 1), b.Length + 1);
        for (int j = 0; j <= b.Length; j++)
        {
            previous[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = previous[j - 1] + (Same(a[i - 1], b[j - 1]) ? 0 : 1);
                current[j] = Math.Min(replace, 1 + Math.Min(previous[j], current[j - 1]));
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                {
                    current[j] = Math.Min(current[j], before[j - 2] + 1);
                }
            }

            Span<int> spare = before;
            before = previous;
            previous = current;
            current = spare;
        }

        return previous[b.Length];
    }

    private static bool Same(char a, char b) => char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}

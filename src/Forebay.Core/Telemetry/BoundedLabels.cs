using System.Collections.Concurrent;

namespace Forebay.Core.Telemetry;

/// <summary>
/// Keeps a metric label's values bounded: the first so many names by use stand for themselves, every later one is
/// called
/// <c>other</c>. A name keeps its label once it has one.
/// </summary>
public sealed class BoundedLabels
{
    /// <summary>What names beyond the bound are called.</summary>
    public const string Other = "other";

    private readonly ConcurrentDictionary<string, string> _labels = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>The label of a name. Costs one lookup for a name seen before.</summary>
    public string Of(string name, int maxLabels)
    {
        if (_labels.TryGetValue(name, out string? label))
        {
            return label;
        }

        lock (_lock)
        {
            return _labels.Count < maxLabels ? _labels.GetOrAdd(name, name) : _labels.GetValueOrDefault(name, Other);
        }
    }
}

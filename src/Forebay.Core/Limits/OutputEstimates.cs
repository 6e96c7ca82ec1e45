namespace Forebay.Core.Limits;

/// <summary>
/// What a tenant's answers are like, by model: the <see cref="MostModels"/> models it used last. Guarded by the
/// tenant's lock.
/// </summary>
internal sealed class OutputEstimates
{
    /// <summary>Most models that are told apart; one more takes the place of the one used longest ago.</summary>
    public const int MostModels = 8;

    private Entry[] _entries = [];
    private long _clock;

    /// <summary>The estimate for a model, or null where too little is known.</summary>
    public long? Of(string model)
    {
        foreach (Entry entry in _entries)
        {
            if (entry.Model == model)
            {
                return entry.Estimator.P95Tokens;
            }
        }

        return null;
    }

    public void Observe(string model, long outputTokens)
    {
        Entry entry = EntryOf(model);
        entry.Used = ++_clock;
        entry.Estimator.Observe(outputTokens);
    }

    private Entry EntryOf(string model)
    {
        foreach (Entry entry in _entries)
        {
            if (entry.Model == model)
            {
                return entry;
            }
        }

        var added = new Entry(model);
        if (_entries.Length < MostModels)
        {
            _entries = [.. _entries, added];
        }
        else
        {
            int oldest = 0;
            for (int i = 1; i < _entries.Length; i++)
            {
                oldest = _entries[i].Used < _entries[oldest].Used ? i : oldest;
            }

            _entries[oldest] = added;
        }

        return added;
    }

    private sealed class Entry(string model)
    {
        public string Model { get; } = model;

        public OutputEstimator Estimator { get; } = new();

        public long Used { get; set; }
    }
}

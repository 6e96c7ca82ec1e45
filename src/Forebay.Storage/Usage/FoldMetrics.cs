using System.Diagnostics.Metrics;

namespace Forebay.Storage.Usage;

/// <summary>What the fold counts.</summary>
internal sealed class FoldMetrics
{
    private readonly Histogram<double> _foldMs;
    private long _records;
    private long _uncounted;
    private long _failures;

    public FoldMetrics(Meter meter, Func<double> lagSeconds)
    {
        _foldMs = meter.CreateHistogram<double>("forebay.storage.fold.duration", "ms", "Time one fold took.");
        meter.CreateObservableCounter("forebay.storage.fold.records", () => Volatile.Read(ref _records),
            "{record}", "Journal records folded into the ledger.");
        meter.CreateObservableCounter("forebay.storage.fold.uncounted", () => Volatile.Read(ref _uncounted),
            "{record}", "Settlements not counted because their request was not open: a defect or damage.");
        meter.CreateObservableCounter("forebay.storage.fold.failures", () => Volatile.Read(ref _failures),
            "{fold}", "Folds that failed; they are repeated.");
        meter.CreateObservableGauge("forebay.storage.fold.lag", lagSeconds,
            "s", "Time since the ledger was last up to date with the journal.");
    }

    public void Folded(int records, double ms)
    {
        Interlocked.Add(ref _records, records);
        _foldMs.Record(ms);
    }

    public void Uncounted() => Interlocked.Increment(ref _uncounted);

    public void Failed() => Interlocked.Increment(ref _failures);
}

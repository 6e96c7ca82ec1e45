using System.Diagnostics.Metrics;

namespace Forebay.Storage.Journal;

/// <summary>What the journal counts. Written under the journal's locks, read by whoever collects.</summary>
internal sealed class JournalMetrics
{
    private readonly Histogram<double> _syncMs;
    private long _appends;
    private long _bytes;
    private long _violations;
    private long _lost;
    private long _recovered;
    private double _unwritableSeconds;

    public JournalMetrics(Meter meter)
    {
        _syncMs = meter.CreateHistogram<double>(
            "forebay.storage.journal.sync.duration", "ms", "Time the disk took to make the journal durable.");
        meter.CreateObservableCounter("forebay.storage.journal.appends", () => Volatile.Read(ref _appends),
            "{record}", "Records written to the journal.");
        meter.CreateObservableCounter("forebay.storage.journal.bytes", () => Volatile.Read(ref _bytes),
            "By", "Bytes written to the journal.");
        meter.CreateObservableCounter("forebay.storage.journal.violations", () => Volatile.Read(ref _violations),
            "{record}", "Settlements refused because their request was not open: always a defect.");
        meter.CreateObservableCounter("forebay.storage.journal.lost", () => Volatile.Read(ref _lost),
            "{record}", "Settlements dropped because too many were waiting for the disk.");
        meter.CreateObservableCounter("forebay.storage.journal.recovered", () => Volatile.Read(ref _recovered),
            "{record}", "Requests of an ended process found unsettled at start and recorded as interrupted.");
        meter.CreateObservableCounter("forebay.storage.journal.unwritable", () => Volatile.Read(ref _unwritableSeconds),
            "s", "Time for which the journal could not be written.");
    }

    public void Appended(int bytes)
    {
        _appends++;
        _bytes += bytes;
    }

    public void Recovered(int count) => _recovered += count;

    public void Synced(double ms) => _syncMs.Record(ms);

    public void Violated() => _violations++;

    public void Lost() => _lost++;

    public void Unwritable(TimeSpan duration) => _unwritableSeconds += duration.TotalSeconds;
}

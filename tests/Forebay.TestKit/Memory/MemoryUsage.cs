using System.Globalization;
using Forebay.Core.Usage;

namespace Forebay.TestKit.Memory;

/// <summary>Journal and ledger in memory: what is settled can be queried at once.</summary>
public sealed class MemoryUsage : IUsageJournal, IUsageLedger
{
    private readonly Lock _lock = new();
    private readonly List<AcceptRecord> _accepted = [];
    private readonly List<UsageRecord> _settled = [];

    public bool Writable { get; set; } = true;

    public IReadOnlyList<AcceptRecord> Accepted
    {
        get
        {
            lock (_lock)
            {
                return [.. _accepted];
            }
        }
    }

    public IReadOnlyList<UsageRecord> Settled
    {
        get
        {
            lock (_lock)
            {
                return [.. _settled];
            }
        }
    }

    public void Accept(AcceptRecord record)
    {
        lock (_lock)
        {
            if (!Writable)
            {
                throw new JournalUnavailableException("The journal is set to be unwritable.");
            }

            _accepted.Add(record);
        }
    }

    public void Settle(UsageRecord record)
    {
        lock (_lock)
        {
            _settled.Add(record);
        }
    }

    public Task<IReadOnlyList<UsageRow>> QueryAsync(UsageQuery query, CancellationToken cancel)
    {
        long from = query.From.ToUnixTimeMilliseconds();
        long to = query.To.ToUnixTimeMilliseconds();
        IReadOnlyList<UsageRow> rows =
        [
            .. Settled
                .Where(r => r.AcceptedUnixMs >= from && r.AcceptedUnixMs < to
                    && (query.Tenant is null || r.Tenant == query.Tenant)
                    && (query.Model is null || r.Model == query.Model)
                    && (query.Provider is null || r.Provider == query.Provider))
                .GroupBy(r => string.Join('\u001f', query.GroupBy.Select(d => ValueOf(r, d))))
                .OrderBy(g => g.Key, StringComparer.Ordinal)
                .Select(g => Fold(query, [.. g])),
        ];
        return Task.FromResult(rows);
    }

    private static UsageRow Fold(UsageQuery query, UsageRecord[] records) => new(
        [.. query.GroupBy.Select(d => ValueOf(records[0], d))],
        records.Length,
        records.Count(r => r.Outcome == UsageOutcome.Failed),
        records.Aggregate(default(TokenUsage), (sum, r) => sum + r.Tokens),
        records.Sum(r => r.ProviderCostMicros),
        records.Sum(r => r.CustomerPriceMicros),
        records.Where(r => r.TimeToFirstTokenMs >= 0).Select(r => r.TimeToFirstTokenMs).DefaultIfEmpty(0).Average(),
        records.Average(r => r.TotalMs));

    private static string ValueOf(UsageRecord r, UsageDimension dimension) => dimension switch
    {
        UsageDimension.Hour => At(r, "yyyy-MM-dd'T'HH:00:00'Z'"),
        UsageDimension.Day => At(r, "yyyy-MM-dd"),
        UsageDimension.Tenant => r.Tenant,
        UsageDimension.Key => r.Key,
        UsageDimension.Model => r.Model,
        UsageDimension.Deployment => r.Deployment,
        UsageDimension.Provider => r.Provider,
        UsageDimension.Backing => r.Backing.ToString().ToLowerInvariant(),
        _ => r.Outcome.ToString().ToLowerInvariant(),
    };

    private static string At(UsageRecord r, string form) =>
        DateTimeOffset.FromUnixTimeMilliseconds(r.AcceptedUnixMs).ToString(form, CultureInfo.InvariantCulture);
}

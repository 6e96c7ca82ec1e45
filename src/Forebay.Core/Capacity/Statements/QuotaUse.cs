using System.Globalization;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Usage;

namespace Forebay.Core.Capacity.Statements;

/// <summary>What was really asked of pools, from the usage on record: the mean per minute of requests, of prompt tokens
/// that no cache had, and of tokens produced.</summary>
public sealed class QuotaUse
{
    private readonly Dictionary<(string Pool, long HourUnixMs), UsageRow> _hours = [];

    private QuotaUse()
    {
    }

    /// <summary>Nothing is on record; leases stand for use.</summary>
    public static QuotaUse None { get; } = new();

    /// <summary>The question whose answer <see cref="ByHour"/> reads.</summary>
    public static UsageQuery HoursOf(DateTimeOffset from, DateTimeOffset to) =>
        new(from, to, [UsageDimension.Hour, UsageDimension.Pool]);

    public static QuotaUse ByHour(IEnumerable<UsageRow> rows)
    {
        var use = new QuotaUse();
        foreach (UsageRow row in rows)
        {
            long hour = DateTimeOffset.Parse(row.Group[0], CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
            use._hours[(row.Group[1], hour)] = row;
        }

        return use;
    }

    /// <summary>The mean of an hour per minute; null for what use is not measured of: accelerators and provisioned
    /// units are held, not used up.</summary>
    public decimal? At(CapacityLane lane, long hourUnixMs) =>
        ReferenceEquals(this, None) || !IsMeasured(lane.Unit) ? null
        : _hours.TryGetValue((lane.Pool, hourUnixMs), out UsageRow? row) ? PerMinute(row, lane.Unit, 60)
        : 0;

    public static bool IsMeasured(CapacityUnit unit) => unit is CapacityUnit.RequestsPerMinute
        or CapacityUnit.InputTokensPerMinute or CapacityUnit.OutputTokensPerMinute;

    /// <summary>What a row has of a unit, per minute.</summary>
    public static decimal PerMinute(UsageRow row, CapacityUnit unit, int minutes) => (unit switch
    {
        CapacityUnit.RequestsPerMinute => row.Requests,
        CapacityUnit.InputTokensPerMinute => row.Tokens.Input + row.Tokens.CacheWrite,
        CapacityUnit.OutputTokensPerMinute => row.Tokens.Output,
        _ => throw new ArgumentOutOfRangeException(nameof(unit), unit, "Its use is not measured."),
    }) / (decimal)minutes;
}

using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Statements;

/// <summary>US dollars where the terms may be a range.</summary>
/// <param name="Low">By the low ends of the terms.</param>
/// <param name="High">By the high ends.</param>
public readonly record struct UsdRange(decimal Low, decimal High)
{
    public static UsdRange operator +(UsdRange a, UsdRange b) => new(a.Low + b.Low, a.High + b.High);
}

/// <summary>One hour of a commitment in one unit. Quantities are means over the hour, so that a sum over hours is in
/// unit-hours.</summary>
/// <param name="HourUnixMs">Its start.</param>
/// <param name="Unit">What is counted.</param>
/// <param name="Contracted">What the contract says, by its low end.</param>
/// <param name="Usable">Of that, what acceptances found usable.</param>
/// <param name="Delivered">Of that, what the provider had there: without outages and reclaims.</param>
/// <param name="Available">Of that, what was not drained by the operator.</param>
/// <param name="Leased">What deployments and jobs held of it.</param>
/// <param name="Used">What was used of it: of quotas as measured, of all else what was held.</param>
/// <param name="Charge">What the hour costs if all is delivered.</param>
/// <param name="Credit">What of the charge is not owed, in proportion to what was not delivered.</param>
/// <param name="Waste">What is owed by take-or-pay for what was delivered and not used.</param>
/// <param name="Breaches">What the provider fell short by: acceptance, outage, reclaim.</param>
public sealed record CapacityHour(
    long HourUnixMs,
    Ledger.CapacityUnit Unit,
    decimal Contracted,
    decimal Usable,
    decimal Delivered,
    decimal Available,
    decimal Leased,
    decimal Used,
    UsdRange Charge,
    UsdRange Credit,
    UsdRange Waste,
    ImmutableArray<string> Breaches);

/// <summary>A commitment over a time, hour by hour.</summary>
/// <param name="Commitment">The commitment.</param>
/// <param name="FromUnixMs">Start, a whole hour.</param>
/// <param name="ToUnixMs">End, exclusive, a whole hour.</param>
/// <param name="Hours">Each hour and unit in which anything was contracted.</param>
public sealed record CommitmentStatement(
    string Commitment, long FromUnixMs, long ToUnixMs, ImmutableArray<CapacityHour> Hours);

using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Partners;

/// <summary>How the number of accelerators was found.</summary>
public enum CountBasis : byte
{
    /// <summary>The pool has a quota and no accelerators.</summary>
    None,

    /// <summary>Nothing counted them: what the onboarding file says.</summary>
    Claimed,

    /// <summary>The endpoint's inventory said so.</summary>
    Reported,
}

/// <summary>What a probe found at a pool's endpoint.</summary>
/// <param name="Pool">The pool.</param>
/// <param name="AtUnixMs">When it ended.</param>
/// <param name="Accelerators">How many accelerators; 0 for a quota.</param>
/// <param name="CountBasis">How they were counted.</param>
/// <param name="Requests">Completions sent.</param>
/// <param name="Failed">Of those, how many did not end well.</param>
/// <param name="OutputTokens">Tokens of the completions that ended well.</param>
/// <param name="Seconds">From the first request to the last answer.</param>
/// <param name="TimeToFirstTokenP50Ms">Median over those that ended well; 0 where none did.</param>
/// <param name="TimeToFirstTokenP95Ms">95th percentile, by nearest rank.</param>
/// <param name="Problems">What went wrong, in words, each once.</param>
public sealed record ProbeMeasurement(
    string Pool,
    long AtUnixMs,
    long Accelerators,
    CountBasis CountBasis,
    int Requests,
    int Failed,
    long OutputTokens,
    double Seconds,
    double TimeToFirstTokenP50Ms,
    double TimeToFirstTokenP95Ms,
    ImmutableArray<string> Problems)
{
    public double OutputTokensPerSecond => Seconds > 0 ? OutputTokens / Seconds : 0;

    public double ErrorShare => Requests > 0 ? (double)Failed / Requests : 1;
}

/// <summary>What a pool was promised to have and do at the time of a probe.</summary>
/// <param name="Quantity">Contracted now: accelerators, or the quota's first limit.</param>
/// <param name="HasAccelerators">Whether the quantity is accelerators.</param>
/// <param name="OutputTokensPerSecond">Under the probe's load; null where nothing was promised.</param>
public sealed record ProbePromise(long Quantity, bool HasAccelerators, double? OutputTokensPerSecond);

/// <summary>What an acceptance came to.</summary>
public enum AcceptanceVerdict : byte
{
    /// <summary>All that is contracted now counts.</summary>
    Passed,

    /// <summary>A part counts, or something was found; the cure clock runs.</summary>
    Shortfall,

    /// <summary>Nothing counts; the cure clock runs.</summary>
    Failed,
}

/// <summary>A probe with its judgement: what is on record.</summary>
/// <param name="Measured">What was found.</param>
/// <param name="Promised">What it was held against.</param>
/// <param name="Verdict">What it came to.</param>
/// <param name="Usable">Of the promised quantity, how much counts.</param>
/// <param name="Findings">Each shortfall in words.</param>
public sealed record AcceptanceReport(
    ProbeMeasurement Measured,
    ProbePromise Promised,
    AcceptanceVerdict Verdict,
    long Usable,
    ImmutableArray<string> Findings);

/// <summary>Judges probes against promises. Pure.</summary>
public static class Acceptance
{
    /// <summary>
    /// What counts is the smaller of two shares: of accelerators counted, and of throughput measured. So a count that
    /// is too high, claimed or reported, is caught by throughput that does not fit it. A share within the tolerance of
    /// the whole is the whole. Where more completions fail than may, or the first token takes too long, the throughput
    /// share is lowered in proportion: capacity that answers too late is capacity for less.
    /// </summary>
    public static AcceptanceReport Judge(
        ProbeMeasurement measured, ProbePromise promised, AcceptanceConfig tolerances)
    {
        var findings = ImmutableArray.CreateBuilder<string>();
        double least = 1 - tolerances.Tolerance;

        // 1. The count.
        double count = 1;
        if (promised.HasAccelerators && promised.Quantity > 0)
        {
            count = Math.Clamp((double)measured.Accelerators / promised.Quantity, 0, 1);
            if (count < 1)
            {
                findings.Add($"{measured.Accelerators} accelerators {WordOf(measured.CountBasis)} of " +
                    $"{promised.Quantity} contracted");
            }
        }

        // 2. The throughput, and what late or failed answers take from it.
        double speed = measured.OutputTokens == 0 ? 0 : 1;
        if (promised.OutputTokensPerSecond is { } tokensPerSecond)
        {
            speed = Math.Clamp(measured.OutputTokensPerSecond / tokensPerSecond, 0, 1);
            if (speed < least)
            {
                findings.Add($"{measured.OutputTokensPerSecond:0.#} output tokens/s of {tokensPerSecond:0.#} promised");
            }
        }

        speed *= Penalty(
            measured.ErrorShare, tolerances.MaxErrorShare, "of the completions failed", findings, share: true);
        speed *= Penalty(
            measured.TimeToFirstTokenP95Ms, tolerances.TimeToFirstTokenP95Ms, "ms to the first token (p95)", findings,
            share: false);
        speed = speed >= least ? 1 : speed;

        // 3. Whether the two fit.
        if (promised.HasAccelerators && speed < count * least)
        {
            long fits = (long)(promised.Quantity * speed);
            findings.Add($"the throughput fits {fits} accelerators, not the {measured.Accelerators} " +
                WordOf(measured.CountBasis));
        }

        long usable = (long)Math.Floor(promised.Quantity * Math.Min(count, speed));
        AcceptanceVerdict verdict = usable == 0 ? AcceptanceVerdict.Failed
            : findings.Count > 0 ? AcceptanceVerdict.Shortfall
            : AcceptanceVerdict.Passed;
        return new AcceptanceReport(measured, promised, verdict, usable, findings.ToImmutable());
    }

    private static string WordOf(CountBasis basis) => basis == CountBasis.Reported ? "reported" : "claimed";

    /// <summary>1 within the limit; below it, how much of what was measured is within.</summary>
    private static double Penalty(
        double measured, double limit, string what, ImmutableArray<string>.Builder findings, bool share)
    {
        if (measured <= limit)
        {
            return 1;
        }

        findings.Add(share ? $"{measured:P1} {what}, {limit:P1} may" : $"{measured:0} {what}, {limit:0} may be");
        return share ? 1 - measured : limit / measured;
    }
}

/// <summary>Measures a pool through its endpoint.</summary>
public interface IAcceptanceProbe
{
    /// <summary>Whether the endpoint answers and lists the model; the problem in words, or null.</summary>
    Task<string?> ConnectAsync(ConnectionConfig connection, CancellationToken cancel);

    /// <summary>Sends the load of an acceptance. What fails is measured, not thrown.</summary>
    /// <param name="connection">Where.</param>
    /// <param name="load">What to send.</param>
    /// <param name="claimed">Accelerators that the file claims; 0 for a quota.</param>
    /// <param name="cancel">Gives up; nothing is measured then.</param>
    Task<ProbeMeasurement> MeasureAsync(
        ConnectionConfig connection, AcceptanceConfig load, long claimed, CancellationToken cancel);
}

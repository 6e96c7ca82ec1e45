using System.Globalization;

namespace Forebay.Core.Serving.Rollout;

/// <summary>
/// What follows for a rollout from time, answers and operators. Pure: the same inputs give the same rollout. Each step
/// is held for its time and its answers; the new version is compared with the old one as answers come, and rolled back
/// as soon as a comparison says that it is worse.
/// </summary>
/// <remarks>
/// The k-th comparison spends <c>alpha * 6 / (pi^2 k^2)</c> of the false alarms, divided by the tests that it consists
/// of; these add up to alpha however long it goes on (Bonferroni over looks with Euler's sum of 1 / k^2), so looking
/// often costs power and never truth. A test here takes answers as independent of each other.
/// </remarks>
public static class RolloutMachine
{
    /// <summary>Who acts when nobody did.</summary>
    public const string Itself = "rollout";

    /// <summary>A comparison is made when there are so many more answers of the new version, and a tenth more; or,
    /// where they are few, when there is any and so much time has passed.</summary>
    private const int LookEvery = 5;
    private const long LookEveryMs = 60_000;

    private static readonly double[] Quantiles = [0.5, 0.9];

    /// <summary>Everything wrong with steps.</summary>
    public static string? CheckSteps(IReadOnlyList<double> steps) =>
        steps.Count is 0 or > 100 ? "give 1 to 100 shares"
        : steps.Any(s => !(s is > 0 and <= 1)) ? "each share must be above 0 and at most 1"
        : steps.Zip(steps.Skip(1)).Any(p => p.First >= p.Second) ? "each share must be larger than the one before"
        : steps[^1] < 1 ? "the last share must be 1"
        : null;

    /// <summary>What time and answers make of a rollout; the same object where nothing changed.</summary>
    /// <param name="rollout">The rollout.</param>
    /// <param name="tally">Answers since it began.</param>
    /// <param name="mark">What was counted when it came to its step and when it was looked at last.</param>
    /// <param name="nowUnixMs">The present.</param>
    public static ModelRollout Next(ModelRollout rollout, VersionTally tally, ref RolloutMark mark, long nowUnixMs)
    {
        if (!rollout.IsOpen)
        {
            return rollout;
        }

        long answers = tally.NewAnswers;
        ModelRollout next = rollout;
        if (answers >= mark.Looked + Math.Max(LookEvery, mark.Looked / 10)
            || (answers > mark.Looked && nowUnixMs - mark.LookedUnixMs >= LookEveryMs))
        {
            mark = mark with { Looked = answers, LookedUnixMs = nowUnixMs };
            next = next with { Looks = next.Looks + 1 };
            if (Harm(next, tally) is { } harm)
            {
                return RollBack(next, Itself, harm, nowUnixMs);
            }
        }

        bool held = nowUnixMs - rollout.StepSinceUnixMs >= rollout.HoldSeconds * 1000;
        if (rollout.Phase != RolloutPhase.Running || !held || answers - mark.StepBase < rollout.MinRequests)
        {
            return next;
        }

        mark = mark with { StepBase = answers };
        string seen = $"{answers} answers of {rollout.To} seen, and none of {next.Looks} comparisons spoke against it";
        return next.Step + 1 < next.Steps.Count
            ? next with
            {
                Step = next.Step + 1,
                StepSinceUnixMs = nowUnixMs,
                ChangedUnixMs = nowUnixMs,
                Actor = Itself,
                Reason = seen,
            }
            : next with { Phase = RolloutPhase.Completed, ChangedUnixMs = nowUnixMs, Actor = Itself, Reason = seen };
    }

    /// <summary>The share stays until resumed; a harmful version is still rolled back.</summary>
    /// <returns>Null where it is not running.</returns>
    public static ModelRollout? Pause(ModelRollout rollout, string actor, long nowUnixMs) =>
        rollout.Phase == RolloutPhase.Running
            ? rollout with { Phase = RolloutPhase.Paused, Actor = actor, ChangedUnixMs = nowUnixMs, Reason = "paused" }
            : null;

    /// <summary>The step begins anew in time.</summary>
    /// <returns>Null where it is not paused.</returns>
    public static ModelRollout? Resume(ModelRollout rollout, string actor, long nowUnixMs) =>
        rollout.Phase == RolloutPhase.Paused
            ? rollout with
            {
                Phase = RolloutPhase.Running,
                Actor = actor,
                ChangedUnixMs = nowUnixMs,
                StepSinceUnixMs = nowUnixMs,
                Reason = "resumed",
            }
            : null;

    /// <summary>Back to the old version, from wherever it stands: a completed one too.</summary>
    public static ModelRollout RollBack(ModelRollout rollout, string actor, string reason, long nowUnixMs) =>
        rollout.Phase == RolloutPhase.RolledBack
            ? rollout
            : rollout with
            {
                Phase = RolloutPhase.RolledBack, Actor = actor, ChangedUnixMs = nowUnixMs, Reason = reason,
            };

    /// <summary>The server stopped and goes on: the time since its counts were stored does not count for the step, and
    /// the step begins anew where they never were, or before it.</summary>
    /// <param name="rollout">As stored.</param>
    /// <param name="countedUnixMs">When what was counted was stored last; null for never.</param>
    /// <param name="nowUnixMs">The present.</param>
    public static ModelRollout Restarted(ModelRollout rollout, long? countedUnixMs, long nowUnixMs) => rollout.IsOpen
        ? rollout with
        {
            StepSinceUnixMs = nowUnixMs - Math.Max(0, (countedUnixMs ?? 0) - rollout.StepSinceUnixMs),
        }
        : rollout;

    /// <summary>In what the new version is worse, in words; null where no test says so.</summary>
    private static string? Harm(ModelRollout rollout, VersionTally tally)
    {
        IReadOnlyList<VersionPair> pairs = tally.Comparable();
        int tests = Math.Max(1, pairs.Count) * (1 + 2 * Quantiles.Length);
        double look = rollout.Looks;
        double alpha = rollout.FalseAlarmShare * 6 / (Math.PI * Math.PI * look * look) / tests;
        foreach (VersionPair pair in pairs)
        {
            (VersionArm old, VersionArm next) = (pair.Old, pair.New);
            double p = HarmTest.Failures(old, next);
            if (p < alpha)
            {
                return Said(pair, $"{next.Failed} of {next.Answers} answers of {rollout.To} failed, "
                    + $"{old.Failed} of {old.Answers} of {rollout.From}", p);
            }

            foreach (double share in Quantiles)
            {
                string? slow = Slow(pair, "time to first token", old.FirstToken, next.FirstToken, share, alpha, rollout)
                    ?? Slow(pair, "time per token", old.OutputToken, next.OutputToken, share, alpha, rollout);
                if (slow is not null)
                {
                    return slow;
                }
            }
        }

        return null;
    }

    private static string? Slow(
        VersionPair pair,
        string what,
        ReadOnlySpan<long> old,
        ReadOnlySpan<long> next,
        double share,
        double alpha,
        ModelRollout rollout)
    {
        double p = HarmTest.Times(old, next, share, rollout.LatencySlackShare);
        return p >= alpha ? null : Said(pair, string.Create(
            CultureInfo.InvariantCulture,
            $"{what}: the p{share * 100:0} of {rollout.To} is {VersionArm.QuantileMs(next, share):0.#} ms, of {
                rollout.From} {VersionArm.QuantileMs(old, share):0.#} ms"), p);
    }

    private static string Said(VersionPair pair, string what, double p) => string.Create(
        CultureInfo.InvariantCulture, $"worse at {pair.Provider}: {what} (p = {p:0.##E+0})");
}

/// <summary>Answers of the new version at moments that a rollout counts from; kept and stored beside the tally.
/// </summary>
/// <param name="StepBase">When it came to its step.</param>
/// <param name="Looked">At the last comparison.</param>
/// <param name="LookedUnixMs">When that was.</param>
public readonly record struct RolloutMark(long StepBase, long Looked, long LookedUnixMs);

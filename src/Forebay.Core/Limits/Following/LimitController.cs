using System.Collections.Immutable;

namespace Forebay.Core.Limits.Following;

/// <summary>
/// Turns capacity and demand into multipliers of what tiers promise. It proposes; somebody else decides
/// (docs/reference/capacity/limits-follow-capacity.md has the rules with their arithmetic).
/// </summary>
/// <remarks>
/// What always holds: no multiplier is below 1 (<see cref="TierMultiplier.Of"/> refuses it); with the same demand and
/// state, more capacity never means a lower multiplier of any tier in any hour; at most one proposal that raises
/// anything is made in 24 hours after the last raise; what it proposes was possible for as long as the rules ask. Cost:
/// classes x tiers x hours x log(tiers x steps), under a millisecond for some ten tiers.
/// </remarks>
public static class LimitController
{
    /// <summary>Limits are raised at most once in so long.</summary>
    public const long RaiseEveryMs = 24 * HourMs;

    /// <summary>Capacity below this share of what last covered demand was lost.</summary>
    public const double LostBelowShare = 0.95;

    private const long HourMs = 3_600_000;

    /// <summary>Decides on frozen inputs. Never throws on any numbers.</summary>
    /// <param name="inputs">Capacity and demand.</param>
    /// <param name="state">What the last step left.</param>
    /// <param name="rules">The rules, valid.</param>
    /// <param name="nowMs">The present, in milliseconds since 1970.</param>
    /// <param name="atOnce">An operator asks: what is possible now counts, however long it has been so. A raise a day
    /// is the most all the same.</param>
    public static FollowingStep Step(
        FollowingInputs inputs, FollowingState state, LimitsFollowConfig rules, long nowMs, bool atOnce = false)
    {
        // 1. Numbers that are none decide nothing.
        ImmutableArray<string> refused = inputs.Check();
        if (!refused.IsEmpty)
        {
            return new FollowingStep(state, null, [], refused);
        }

        // 2. Each class by itself: capacity less the reserve, beside demand; what would be lowered and what raised.
        ClassVerdict[] verdicts =
        [
            .. inputs.Classes.Select(c => ClassVerdict.Of(
                new ClassBalance(c, inputs, rules), state.InForce, state.HoldOf(c), rules)),
        ];

        // 3. How long that has been so.
        ImmutableDictionary<string, ClassHold> holds = state.Holds;
        foreach (ClassVerdict verdict in verdicts)
        {
            holds = holds.SetItem(verdict.Class, Hold(verdict, state.HoldOf(verdict.Class), nowMs));
        }

        FollowingState next = state with { Holds = holds };

        // 4. Lost capacity first, then capacity that is known to go, then a lasting shortage, then what may be raised.
        // One kind of change at a time.
        LimitProposal? proposal = Lost(verdicts, state)
            ?? Ending(inputs, verdicts, next, rules, nowMs)
            ?? Shortage(verdicts, next, rules, nowMs, atOnce)
            ?? Raise(inputs, verdicts, next, rules, nowMs, atOnce);

        // 5. Why it is this much, and not more.
        ImmutableArray<ClassStanding> standings =
        [
            .. verdicts.Select(v => LimitArithmetic.Of(v, inputs, next, proposal, rules, nowMs)),
        ];
        return new FollowingStep(
            next,
            proposal is null ? null : proposal with { Arithmetic = [.. standings.SelectMany(s => s.Lines)] },
            standings,
            []);
    }

    private static ClassHold Hold(ClassVerdict verdict, ClassHold before, long nowMs)
    {
        // A clock that was set back must not make a hold look longer than it was: it begins anew.
        long? shortSince = !verdict.IsShort ? null : Since(before.ShortSinceMs, nowMs);
        bool covered = !verdict.IsShortNow;
        ClassHold hold = before with
        {
            ShortSinceMs = shortSince,
            CoveredInput = covered ? verdict.Balance.MeanPresent(TokenKind.Input) : before.CoveredInput,
            CoveredOutput = covered ? verdict.Balance.MeanPresent(TokenKind.Output) : before.CoveredOutput,
        };
        if (verdict.Raise.IsEmpty)
        {
            return hold with { RaiseSinceMs = null, Raise = [] };
        }

        ImmutableArray<TierMultiplier> least = before.RaiseSinceMs is null || before.RaiseSinceMs > nowMs
            ? verdict.Raise
            : verdict.RaisesIn(Least(before.Raise, verdict.Raise));
        return least.IsEmpty
            ? hold with { RaiseSinceMs = nowMs, Raise = verdict.Raise }
            : hold with { RaiseSinceMs = Since(before.RaiseSinceMs, nowMs), Raise = least };
    }

    private static long Since(long? since, long nowMs) => since is { } then && then <= nowMs ? then : nowMs;

    /// <summary>The lesser of two, hour by hour, of the tiers that are in both.</summary>
    private static ImmutableArray<TierMultiplier> Least(
        ImmutableArray<TierMultiplier> a, ImmutableArray<TierMultiplier> b) =>
    [
        .. from x in a
           join y in b on x.Tier equals y.Tier
           select ClassVerdict.Combine(x, y, Math.Min),
    ];

    private static LimitProposal? Lost(ClassVerdict[] verdicts, FollowingState state) => Compose(
        ProposalCause.CapacityLost, state.InForce, verdicts.Where(v => v.IsLost).SelectMany(v => v.LowerAllHours), 0);

    /// <summary>What is announced is no noise and is not waited for: limits are down when capacity is.</summary>
    private static LimitProposal? Ending(
        FollowingInputs inputs, ClassVerdict[] verdicts, FollowingState next, LimitsFollowConfig rules, long nowMs)
    {
        ClassVerdict[] due = [.. verdicts.Where(v => v.IsEnding)];
        return Compose(ProposalCause.CapacityEnds, next.InForce, Lowered(due), (long)(rules.AnnounceHours * HourMs))
            is { } proposal
            ? proposal with
            {
                ByUnixMs = due.Min(v => v.FirstShortMs(
                    new ClassBalance(v.Class, inputs, rules, coming: true), rules.KeepMargin, nowMs)),
            }
            : null;
    }

    private static IEnumerable<TierMultiplier> Lowered(ClassVerdict[] due) =>
        due.SelectMany(v => v.LowersAllHours ? v.LowerAllHours : v.ReduceHours);

    private static LimitProposal? Shortage(
        ClassVerdict[] verdicts, FollowingState next, LimitsFollowConfig rules, long nowMs, bool atOnce)
    {
        ClassVerdict[] due =
        [
            .. verdicts.Where(v => v.IsShort
                && (atOnce || Held(next.HoldOf(v.Class).ShortSinceMs, rules.LowerAfterHours, nowMs))),
        ];
        ProposalCause cause = due.Any(v => v.LowersAllHours) ? ProposalCause.Lower : ProposalCause.ReduceHours;
        return Compose(
            cause, next.InForce, Lowered(due), (long)(rules.AnnounceHours * HourMs));
    }

    private static LimitProposal? Raise(
        FollowingInputs inputs,
        ClassVerdict[] verdicts,
        FollowingState next,
        LimitsFollowConfig rules,
        long nowMs,
        bool atOnce)
    {
        if (inputs.HistoryHours < rules.LeastHistoryHours || !MayRaise(next.LastRaiseMs, nowMs))
        {
            return null;
        }

        return Compose(
            ProposalCause.Raise,
            next.InForce,
            verdicts.SelectMany(v => atOnce ? v.Raise
                : Held(next.HoldOf(v.Class).RaiseSinceMs, rules.RaiseAfterHours, nowMs) ? next.HoldOf(v.Class).Raise
                : []),
            0);
    }

    /// <summary>Whether a day has passed since the last raise. A clock that was set back makes it wait, not hurry.
    /// </summary>
    public static bool MayRaise(long? lastRaiseMs, long nowMs) =>
        lastRaiseMs is not { } last || nowMs - last >= RaiseEveryMs;

    private static bool Held(long? sinceMs, double hours, long nowMs) =>
        sinceMs is { } since && nowMs - since >= hours * HourMs;

    private static LimitProposal? Compose(
        ProposalCause cause, TierMultipliers inForce, IEnumerable<TierMultiplier> changed, long announceMs)
    {
        TierMultipliers next = inForce.With(changed);
        (bool raises, bool lowers) = next.Against(inForce);
        if (raises && lowers)
        {
            throw new InvalidOperationException("A proposal both raises and lowers limits.");
        }

        return raises || lowers ? new LimitProposal(cause, next, announceMs, []) : null;
    }
}

namespace Forebay.Core.Capacity.Withdrawals;

/// <summary>How far a withdrawal has come.</summary>
public enum WithdrawalPhase : byte
{
    /// <summary>Its time has not come.</summary>
    Announced,

    /// <summary>Nothing new goes there; requests are in flight still.</summary>
    Leaving,

    /// <summary>Nothing is in flight there.</summary>
    Out,

    /// <summary>It serves again.</summary>
    Returned,
}

/// <summary>What is to be done now.</summary>
public enum WithdrawalAction : byte
{
    None,

    /// <summary>Take its deployments out of what requests may use.</summary>
    TakeOut,

    /// <summary>Cut what is in flight there.</summary>
    Cut,

    /// <summary>Note that nothing is in flight there any more.</summary>
    Emptied,

    /// <summary>Let requests use its deployments again.</summary>
    PutBack,
}

/// <summary>
/// What has come of a withdrawal: a small state machine, stepped with the time and the requests in flight. A phase
/// never goes back, each action is asked for once, and work in flight is not cut before its time.
/// </summary>
public sealed record WithdrawalProgress
{
    public WithdrawalPhase Phase { get; init; }

    public long? TakenOutUnixMs { get; init; }

    public long? CutUnixMs { get; init; }

    public long? EmptiedUnixMs { get; init; }

    public long? ReturnedUnixMs { get; init; }

    /// <summary>Requests in flight when it was taken out.</summary>
    public int InFlightAtStart { get; init; }

    /// <summary>Requests that were cut.</summary>
    public int CutRequests { get; init; }

    /// <summary>Whether its deployments are kept from requests.</summary>
    public bool IsActive => Phase is WithdrawalPhase.Leaving or WithdrawalPhase.Out;

    /// <summary>What comes next.</summary>
    /// <param name="of">The withdrawal.</param>
    /// <param name="nowUnixMs">The present.</param>
    /// <param name="inFlight">Requests in flight on what it takes.</param>
    /// <returns>The progress once the action is done. Store it before acting: acting twice after a crash is harmless,
    /// forgetting is not.</returns>
    public (WithdrawalProgress Next, WithdrawalAction Action) Step(Withdrawal of, long nowUnixMs, int inFlight)
    {
        // 1. What is to be back is put back, whatever it was doing.
        if (of.ReturnUnixMs <= nowUnixMs && Phase != WithdrawalPhase.Returned)
        {
            return (this with { Phase = WithdrawalPhase.Returned, ReturnedUnixMs = nowUnixMs },
                IsActive ? WithdrawalAction.PutBack : WithdrawalAction.None);
        }

        switch (Phase)
        {
            // 2. Its time comes.
            case WithdrawalPhase.Announced when nowUnixMs >= of.FromUnixMs:
                return (this with
                {
                    Phase = WithdrawalPhase.Leaving,
                    TakenOutUnixMs = nowUnixMs,
                    InFlightAtStart = inFlight,
                }, WithdrawalAction.TakeOut);

            // 3. What was in flight has ended.
            case WithdrawalPhase.Leaving when inFlight == 0:
                return (this with { Phase = WithdrawalPhase.Out, EmptiedUnixMs = nowUnixMs },
                    WithdrawalAction.Emptied);

            // 4. What has not is cut, once.
            case WithdrawalPhase.Leaving when CutUnixMs is null && nowUnixMs >= of.CutUnixMs:
                return (this with { CutUnixMs = nowUnixMs, CutRequests = inFlight }, WithdrawalAction.Cut);

            default:
                return (this, WithdrawalAction.None);
        }
    }
}

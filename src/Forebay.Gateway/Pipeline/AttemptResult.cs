using Forebay.Core.Serving.Health;

namespace Forebay.Gateway.Pipeline;

/// <summary>How one attempt at one deployment ended.</summary>
internal enum AttemptEnd : byte
{
    /// <summary>The client has its answer, an upstream's own 4xx included.</summary>
    Served,

    /// <summary>Nothing reached the client and another deployment may do better.</summary>
    Elsewhere,

    /// <summary>Nothing was sent: what is in force changed, and the request must be policed again.</summary>
    PoliceAgain,

    /// <summary>Failed for good: after the first byte, or in a way that no other deployment can mend.</summary>
    Failed,
}

/// <param name="End">How it ended.</param>
/// <param name="Failure">Why, when it was not served; for a relayed 4xx the reason that is recorded.</param>
/// <param name="Blame">Whether the failure speaks against the deployment.</param>
/// <param name="Pause">How long the upstream asks to be left alone, or null.</param>
internal readonly record struct AttemptResult(AttemptEnd End, Failure Failure, bool Blame, TimeSpan? Pause)
{
    /// <summary>What a failure to blame says of the deployment.</summary>
    public FailureKind Kind { get; init; }

    public static AttemptResult Served => new(AttemptEnd.Served, Failure.None, false, null);

    public static AttemptResult PoliceAgain => new(AttemptEnd.PoliceAgain, Failure.None, false, null);

    public static AttemptResult Elsewhere(Failure failure, TimeSpan? pause = null) =>
        new(AttemptEnd.Elsewhere, failure, true, pause);

    public static AttemptResult Fail(Failure failure, bool blame = true) =>
        new(AttemptEnd.Failed, failure, blame, null);
}

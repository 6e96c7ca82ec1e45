using Forebay.Core.Config;

namespace Forebay.Core.Serving.Rollout;

/// <summary>How a new version of a model takes over from the one before, where a rollout does not say otherwise.
/// </summary>
public sealed record RolloutConfig
{
    [ConfigKey("Shares of the conversations that the new version gets, one step after the other, rising; the last " +
        "one is 1.", Minimum = 0.0001, Maximum = 1, Example = "[0.01, 0.05, 0.25, 1]")]
    public double[] Steps { get; init; } = [0.01, 0.05, 0.25, 1];

    [ConfigKey("Least time at each step.", Minimum = 0, Maximum = 31_536_000)]
    public double HoldSeconds { get; init; } = 600;

    [ConfigKey("Least answers, good or failed, that the new version has to give at each step.", Minimum = 1,
        Maximum = 1_000_000_000)]
    public int MinRequests { get; init; } = 100;

    [ConfigKey("How likely at most a version that is no worse is rolled back, over the whole rollout.",
        Minimum = 0.000001, Maximum = 0.5)]
    public double FalseAlarmShare { get; init; } = 0.01;

    [ConfigKey("How much slower the new version may be, as a share of the old one's time to first token and time per " +
        "token.", Minimum = 0, Maximum = 100)]
    public double LatencySlackShare { get; init; } = 0.25;
}

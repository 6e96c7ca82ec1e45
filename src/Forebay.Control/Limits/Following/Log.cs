using Microsoft.Extensions.Logging;

namespace Forebay.Control.Limits.Following;

/// <summary>Log events 2500-2599.</summary>
internal static partial class Log
{
    [LoggerMessage(2500, LogLevel.Warning,
        "Proposal {Id} ({Cause}): capacity and demand call for other limits. See: forebay limits proposals.")]
    public static partial void Proposed(this ILogger logger, long id, string cause);

    [LoggerMessage(2501, LogLevel.Warning,
        "Limits version {Number}, decided by {Actor}, takes effect at {EffectiveAt:O}.")]
    public static partial void Decided(this ILogger logger, long number, string actor, DateTimeOffset effectiveAt);

    [LoggerMessage(2502, LogLevel.Error,
        "What tiers promise of class {ModelClass} is not covered: demand passes all capacity by {Tokens:0} tokens a " +
        "minute. Promises stay; requests wait and are shed by priority class.")]
    public static partial void Uncovered(this ILogger logger, string modelClass, double tokens);

    [LoggerMessage(2503, LogLevel.Warning, "What tiers promise of class {ModelClass} is covered again.")]
    public static partial void Covered(this ILogger logger, string modelClass);

    [LoggerMessage(2504, LogLevel.Error, "Limits stay as they are: {Problem}")]
    public static partial void InputsRefused(this ILogger logger, string problem);

    [LoggerMessage(2505, LogLevel.Error, "Limits stay as they are until capacity and demand can be read again.")]
    public static partial void StepFailed(this ILogger logger, Exception failure);
}

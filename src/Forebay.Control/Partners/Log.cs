using Forebay.Core.Capacity.Partners;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Partners;

/// <summary>Log events 2600-2649.</summary>
internal static partial class Log
{
    [LoggerMessage(2600, LogLevel.Information, "Partner {Partner}: {Event}; it is {State} now.")]
    public static partial void PartnerStepped(this ILogger logger, string partner, string @event, PartnerState state);

    [LoggerMessage(2601, LogLevel.Error,
        "Partner {Partner} cannot join the fleet in force as its record says; this is tried again: {Problems}")]
    public static partial void PartnerNotInFleet(this ILogger logger, string partner, string problems);

    [LoggerMessage(2602, LogLevel.Error, "The partners could not be looked after; this is tried again.")]
    public static partial void PartnersNotTended(this ILogger logger, Exception exception);
}

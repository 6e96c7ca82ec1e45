using Microsoft.Extensions.Logging;

namespace Forebay.Control.Tls;

/// <summary>Log events 2200-2299.</summary>
internal static partial class Log
{
    [LoggerMessage(2200, LogLevel.Information, "Certificate {File} was read again: {Subject}, valid until {NotAfter}.")]
    public static partial void CertificateReplaced(
        this ILogger logger, string file, string subject, DateTime notAfter);

    [LoggerMessage(2201, LogLevel.Error,
        "The new certificate is not used, the one until {NotAfter} stays: {Problem} (certificate file {File})")]
    public static partial void CertificateKept(this ILogger logger, string file, string problem, DateTime notAfter);

    [LoggerMessage(2202, LogLevel.Warning,
        "Certificate {File} expired at {NotAfter}: clients will refuse it. Replace the file; it is read again.")]
    public static partial void CertificateExpired(this ILogger logger, string file, DateTimeOffset notAfter);

    [LoggerMessage(2203, LogLevel.Warning,
        "Certificate {File} expires at {NotAfter}. Replace the file; it is read again.")]
    public static partial void CertificateExpiresSoon(this ILogger logger, string file, DateTimeOffset notAfter);
}

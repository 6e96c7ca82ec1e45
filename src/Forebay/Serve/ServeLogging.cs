using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Forebay.Serve;

/// <summary>Logs go to standard error: one JSON object a line, or text for people.</summary>
public static class ServeLogging
{
    public static ILoggerFactory Create(string format, LogLevel level) => LoggerFactory.Create(builder =>
    {
        builder.SetMinimumLevel(level).AddFilter("Microsoft", LogLevel.Warning);
        builder.AddConsole(console =>
        {
            console.LogToStandardErrorThreshold = LogLevel.Trace;
            // Whoever stopped reading the log must not stop the gateway; what was dropped is counted in the log.
            console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        });
        if (format == "json")
        {
            builder.AddJsonConsole(json =>
            {
                json.UseUtcTimestamp = true;
                json.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
                json.IncludeScopes = false;
            });
        }
        else
        {
            builder.AddSimpleConsole(text =>
            {
                text.SingleLine = true;
                text.ColorBehavior = LoggerColorBehavior.Default;
                text.TimestampFormat = "HH:mm:ss ";
            });
        }
    });
}

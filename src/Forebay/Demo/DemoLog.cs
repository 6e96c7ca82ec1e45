using Microsoft.Extensions.Logging;

namespace Forebay.Demo;

/// <summary>The server's log, into a file.</summary>
internal sealed class DemoLog(string path) : ILoggerProvider
{
    private readonly StreamWriter _file = new(path) { AutoFlush = true };
    private readonly Lock _lock = new();

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName);

    public void Dispose() => _file.Dispose();

    private sealed class Category(DemoLog log, string name) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            string text = $"{logLevel} {name} {eventId.Id}: {formatter(state, exception)} {exception}".TrimEnd();
            lock (log._lock)
            {
                log._file.WriteLine(text);
            }
        }
    }
}

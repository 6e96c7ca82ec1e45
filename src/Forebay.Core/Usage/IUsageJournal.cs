namespace Forebay.Core.Usage;

/// <summary>
/// The durable record of accepted requests. A call returns once the bytes are in the kernel (they survive a killed
/// process) and are on disk within 10 ms (they survive a power cut but for that). Safe for concurrent callers; costs a
/// few microseconds and never waits on a database.
/// </summary>
public interface IUsageJournal
{
    /// <summary>False while the journal cannot be written: admission must stop until it can.</summary>
    bool Writable { get; }

    /// <summary>Records acceptance. Must return before the request is forwarded.</summary>
    /// <exception cref="JournalUnavailableException">Nothing was recorded; refuse the request.</exception>
    void Accept(AcceptRecord record);

    /// <summary>
    /// Records usage. Must return before the last event goes out. When the write fails the record is kept in memory and
    /// written as soon as the journal can be, and <see cref="Writable"/> turns false.
    /// </summary>
    void Settle(UsageRecord record);
}

/// <summary>The journal could not be written.</summary>
public sealed class JournalUnavailableException : Exception
{
    public JournalUnavailableException()
    {
    }

    public JournalUnavailableException(string message) : base(message)
    {
    }

    public JournalUnavailableException(string message, Exception inner) : base(message, inner)
    {
    }
}

using Forebay.Core.Errors;

namespace Forebay.Core.Batches;

/// <summary>What was asked of batches or files is refused; nothing was changed.</summary>
public sealed class BatchRefusedException : Exception
{
    public BatchRefusedException()
    {
    }

    public BatchRefusedException(string message) : base(message)
    {
    }

    public BatchRefusedException(string message, Exception inner) : base(message, inner)
    {
    }

    /// <param name="reason">The one reason.</param>
    /// <param name="message">For the client: what happened and what to do.</param>
    /// <param name="param">The field concerned, or null.</param>
    /// <param name="inner">For the log.</param>
    public BatchRefusedException(Reason reason, string message, string? param = null, Exception? inner = null)
        : base(message, inner)
    {
        Reason = reason;
        Param = param;
    }

    public Reason Reason { get; } = Reason.Internal;

    public string? Param { get; }

    /// <summary>Whether to try again, where that is not what the reason always says.</summary>
    public bool? ShouldRetry { get; init; }
}

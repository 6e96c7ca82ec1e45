namespace Forebay.Core.Batches;

/// <summary>Whose interface a batch was made by.</summary>
public enum BatchSurface : byte
{
    /// <summary>Anthropic's message batches: made whole, results by the line.</summary>
    Messages,

    /// <summary>OpenAI's batches: made from a file, results in files.</summary>
    OpenAi,
}

/// <summary>Where a batch stands.</summary>
public enum BatchPhase : byte
{
    /// <summary>Its input file is being read.</summary>
    Validating,

    /// <summary>Its input file was refused; nothing of it was run. Final.</summary>
    Failed,

    /// <summary>Its items wait or run.</summary>
    Running,

    /// <summary>Nothing more is started, as its tenant or an operator asked; what runs ends.</summary>
    Cancelling,

    /// <summary>Nothing more is started, as its time is over; what runs ends.</summary>
    Expiring,

    /// <summary>Every item has its outcome; its results are put together.</summary>
    Finalizing,

    /// <summary>Its results can be had. Final.</summary>
    Ended,
}

/// <summary>Why a batch came to its end.</summary>
public enum BatchEnd : byte
{
    None,
    Completed,
    Cancelled,
    Expired,
}

/// <summary>How an item ended; each has exactly one outcome.</summary>
public enum ItemOutcome : byte
{
    Succeeded,
    Errored,

    /// <summary>It was never answered, as its batch was cancelled.</summary>
    Cancelled,

    /// <summary>It was never answered, as its batch ran out of time.</summary>
    Expired,
}

/// <summary>Items by outcome.</summary>
public readonly record struct BatchCounts(int Succeeded, int Errored, int Cancelled, int Expired)
{
    public int Settled => Succeeded + Errored + Cancelled + Expired;

    /// <summary>These and one more.</summary>
    public BatchCounts With(ItemOutcome outcome) => outcome switch
    {
        ItemOutcome.Succeeded => this with { Succeeded = Succeeded + 1 },
        ItemOutcome.Errored => this with { Errored = Errored + 1 },
        ItemOutcome.Cancelled => this with { Cancelled = Cancelled + 1 },
        ItemOutcome.Expired => this with { Expired = Expired + 1 },
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "There is no such outcome."),
    };
}

/// <summary>Tokens that the answers of a batch took.</summary>
/// <param name="Input">Whole prompts, cached or not.</param>
/// <param name="Cached">Of these, tokens read from a cache.</param>
/// <param name="Output">Tokens produced.</param>
public readonly record struct BatchTokens(long Input, long Cached, long Output)
{
    public static BatchTokens operator +(BatchTokens a, BatchTokens b) => Add(a, b);

    public static BatchTokens Add(BatchTokens a, BatchTokens b) =>
        new(a.Input + b.Input, a.Cached + b.Cached, a.Output + b.Output);
}

/// <summary>What is wrong with one line of an input file, or with all of it.</summary>
/// <param name="Code">A word for programs.</param>
/// <param name="Message">What is wrong and what to do.</param>
/// <param name="Param">The field at fault, or null.</param>
/// <param name="Line">Its line, from 1; null for the whole file.</param>
public sealed record BatchProblem(string Code, string Message, string? Param, int? Line);

/// <summary>
/// A batch: who made it, what of, and where it stands. Holds nothing of its items' contents. It changes by
/// <see cref="BatchLifecycle"/> alone.
/// </summary>
public sealed record Batch
{
    public required string Id { get; init; }

    public required string Tenant { get; init; }

    /// <summary>Id of the key that made it, and that its items are run by.</summary>
    public required string Key { get; init; }

    public required BatchSurface Surface { get; init; }

    /// <summary>The path that its items are for, such as <c>/v1/messages</c>.</summary>
    public required string Endpoint { get; init; }

    /// <summary>Headers of the request that made it that its items are run with.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>What its tenant noted on it.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>How long the files it makes are kept; null for the usual time.</summary>
    public long? OutputSeconds { get; init; }

    /// <summary>The one model of its items; null where it is not known, or there are several.</summary>
    public string? Model { get; init; }

    public BatchPhase Phase { get; init; }

    public BatchEnd End { get; init; }

    public required long CreatedUnixMs { get; init; }

    /// <summary>When what has not been answered expires.</summary>
    public required long ExpiresUnixMs { get; init; }

    public long? RunningUnixMs { get; init; }

    public long? CancelUnixMs { get; init; }

    public long? FinalizingUnixMs { get; init; }

    /// <summary>When it ended, or failed.</summary>
    public long? EndedUnixMs { get; init; }

    /// <summary>When its results are removed; null for never by itself.</summary>
    public long? PurgeUnixMs { get; init; }

    /// <summary>Its results were removed.</summary>
    public long? ArchivedUnixMs { get; init; }

    /// <summary>Number of items.</summary>
    public int Total { get; init; }

    /// <summary>Bytes stored for it.</summary>
    public long Bytes { get; init; }

    /// <summary>By outcome, as of its end; while it runs the items themselves are asked.</summary>
    public BatchCounts Counts { get; init; }

    public BatchTokens Tokens { get; init; }

    public string? InputFile { get; init; }

    public string? OutputFile { get; init; }

    public string? ErrorFile { get; init; }

    /// <summary>What is wrong with its input file.</summary>
    public IReadOnlyList<BatchProblem> Problems { get; init; } = [];

    /// <summary>Nothing of it will change but by removal.</summary>
    public bool IsOver => Phase is BatchPhase.Failed or BatchPhase.Ended;

    /// <summary>Whether items of it may be started.</summary>
    public bool Starts => Phase == BatchPhase.Running;
}

/// <summary>A file of a tenant's. Holds nothing of its contents.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Tenant">Whose it is.</param>
/// <param name="Key">The key that made it, or whose batch did.</param>
/// <param name="Purpose"><c>batch</c> or <c>batch_output</c>.</param>
/// <param name="Name">What its owner calls it.</param>
/// <param name="Bytes">Its length, as the owner sees it.</param>
/// <param name="CreatedUnixMs">When it was made.</param>
/// <param name="ExpiresUnixMs">When it is removed.</param>
public sealed record StoredFile(
    string Id, string Tenant, string Key, string Purpose, string Name, long Bytes, long CreatedUnixMs,
    long ExpiresUnixMs)
{
    public const string BatchPurpose = "batch";
    public const string OutputPurpose = "batch_output";
}

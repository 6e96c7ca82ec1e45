namespace Forebay.Storage;

/// <summary>How a local store behaves.</summary>
public sealed record LocalStoreOptions
{
    /// <summary>Time between two folds of the journal into the ledger.</summary>
    public TimeSpan FoldInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long single requests can be listed after they are in the ledger.</summary>
    public TimeSpan RequestRetention { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Most bytes of journal kept for that; the oldest go first.</summary>
    public long RequestRetentionBytes { get; init; } = 1L << 30;

    /// <summary>A journal segment past this many bytes is followed by a new one.</summary>
    public int SegmentBytes { get; init; } = 64 << 20;
}

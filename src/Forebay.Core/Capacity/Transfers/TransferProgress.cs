namespace Forebay.Core.Capacity.Transfers;

/// <summary>Where a transfer stands.</summary>
public enum TransferPhase : byte
{
    /// <summary>Bytes are being fetched, or will be as soon as the wait after a cut is over.</summary>
    Fetching,

    /// <summary>All bytes are there; the whole is being verified.</summary>
    Verifying,

    /// <summary>The file is at the site and is what it should be.</summary>
    Done,

    /// <summary>It was given up; <see cref="TransferProgress.Reason"/> says why.</summary>
    Failed,
}

/// <summary>What a transfer does about trouble.</summary>
/// <param name="FirstWaitMs">Wait after the first attempt that got nothing; doubles with each further one.</param>
/// <param name="MaxWaitMs">Longest wait.</param>
/// <param name="MaxIdleMs">A transfer that gets no verified byte for so long, the link's known outages apart, fails.
/// </param>
/// <param name="MaxBadParts">Times that one part may come wrong before the transfer fails.</param>
/// <param name="MaxBadWholes">Times that the whole may come wrong though its parts were right, or had no checksums.
/// </param>
public sealed record TransferPolicy(
    long FirstWaitMs = 500,
    long MaxWaitMs = 30_000,
    long MaxIdleMs = 15 * 60_000,
    int MaxBadParts = 3,
    int MaxBadWholes = 2)
{
    /// <summary>Longest wait before the given fruitless attempt is followed by another; its jitter included.</summary>
    /// <param name="fruitless">Attempts in a row that got nothing, from 1.</param>
    /// <param name="jitter">Uniform in [0, 1): a cut that hits many must not bring them all back at once.</param>
    public long WaitMs(int fruitless, double jitter)
    {
        long ceiling = Math.Min(MaxWaitMs, FirstWaitMs << Math.Min(fruitless - 1, 20));
        return (long)(ceiling * (0.5 + jitter / 2));
    }
}

/// <summary>
/// A transfer as a value: what is verified, what was sent and paid, what to do next. Every member that changes it
/// returns the next one; the caller does the I/O and stores each step, so that the transfer goes on after a kill.
/// </summary>
/// <remarks>
/// Bytes are fetched in order. Those of the part under way are kept on disk too, so a cut costs nothing but the round
/// trip: a part that takes longer than the time between two cuts still comes to its end. A part counts only once it
/// hashes to what it should; a wrong one is thrown away whole and fetched again. The whole is verified at the end in
/// any case.
/// </remarks>
public sealed record TransferProgress
{
    public required TransferPhase Phase { get; init; }

    /// <summary>Parts verified, from the first on.</summary>
    public required int VerifiedParts { get; init; }

    /// <summary>Bytes that came over the link for this file, also those fetched twice: what egress is paid for.
    /// </summary>
    public required long SentBytes { get; init; }

    /// <summary>Cuts survived.</summary>
    public int Cuts { get; init; }

    /// <summary>Parts that came wrong, over the whole transfer.</summary>
    public int BadParts { get; init; }

    /// <summary>Times in a row that the part under way came wrong.</summary>
    public int BadInARow { get; init; }

    public int BadWholes { get; init; }

    /// <summary>Attempts in a row that brought no byte.</summary>
    public int Fruitless { get; init; }

    /// <summary>Wall time before which nothing is asked of the source.</summary>
    public long NotBeforeUnixMs { get; init; }

    /// <summary>Wall time of the last byte that counted; for the idle deadline.</summary>
    public required long ProgressUnixMs { get; init; }

    /// <summary>Why it failed, or the last trouble it had; null when it had none.</summary>
    public string? Reason { get; init; }

    public bool IsOver => Phase is TransferPhase.Done or TransferPhase.Failed;

    public static TransferProgress Begin(WeightsFile file, long nowUnixMs) => new()
    {
        Phase = file.SizeBytes == 0 ? TransferPhase.Verifying : TransferPhase.Fetching,
        VerifiedParts = 0,
        SentBytes = 0,
        ProgressUnixMs = nowUnixMs,
    };

    /// <summary>Bytes verified so far.</summary>
    public long VerifiedBytes(WeightsFile file) => Math.Min(file.SizeBytes, VerifiedParts * file.PartBytes);

    /// <summary>Bytes came over the link.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="isNew">False for those that were there already: a source that cannot begin in the middle sends
    /// them again, which is paid for and is no progress.</param>
    /// <param name="nowUnixMs">The present.</param>
    public TransferProgress Received(long bytes, bool isNew, long nowUnixMs) => isNew && bytes > 0
        ? this with { SentBytes = SentBytes + bytes, Fruitless = 0, ProgressUnixMs = nowUnixMs }
        : this with { SentBytes = SentBytes + bytes };

    /// <summary>The part under way is complete and hashes to what it should, or has no checksum of its own.</summary>
    public TransferProgress PartVerified(WeightsFile file, long nowUnixMs)
    {
        Require(Phase == TransferPhase.Fetching && VerifiedParts < file.Parts, "a part beyond the last was verified");
        int verified = VerifiedParts + 1;
        return this with
        {
            VerifiedParts = verified,
            BadInARow = 0,
            ProgressUnixMs = nowUnixMs,
            Phase = verified == file.Parts ? TransferPhase.Verifying : TransferPhase.Fetching,
        };
    }

    /// <summary>The part under way is complete and wrong: it is thrown away.</summary>
    public TransferProgress PartWrong(WeightsFile file, TransferPolicy policy)
    {
        Require(Phase == TransferPhase.Fetching, "a part came wrong while none was fetched");
        int row = BadInARow + 1;
        TransferProgress next = this with { BadParts = BadParts + 1, BadInARow = row };
        string what = $"part {VerifiedParts} of {file.Source} does not have the checksum {file.HashOf(VerifiedParts)}";
        return row >= policy.MaxBadParts
            ? next.GiveUp($"{what}, {row} times in a row. Correct the source or the manifest.")
            : next with { Reason = $"{what}; fetching it again." };
    }

    /// <summary>The source broke off, refused, or could not be reached.</summary>
    /// <param name="why">In words.</param>
    /// <param name="gotBytes">Whether this attempt brought anything.</param>
    /// <param name="retryable">False where asking again cannot help, as for a file that is not there.</param>
    /// <param name="policy">What to do about it.</param>
    /// <param name="nowUnixMs">The present.</param>
    /// <param name="jitter">Uniform in [0, 1).</param>
    public TransferProgress Cut(
        string why, bool gotBytes, bool retryable, TransferPolicy policy, long nowUnixMs, double jitter)
    {
        if (!retryable)
        {
            return GiveUp(why);
        }

        int fruitless = gotBytes ? 1 : Fruitless + 1;
        TransferProgress next = this with
        {
            Cuts = Cuts + 1,
            Fruitless = fruitless,
            NotBeforeUnixMs = nowUnixMs + policy.WaitMs(fruitless, jitter),
            Reason = why,
        };
        return nowUnixMs - ProgressUnixMs >= policy.MaxIdleMs
            ? next.GiveUp($"No byte came for {(nowUnixMs - ProgressUnixMs) / 1000} s: {why}")
            : next;
    }

    /// <summary>The link is known to be down until a time: waiting for it is no failure of the source's.</summary>
    public TransferProgress LinkDown(long untilUnixMs, long nowUnixMs) => this with
    {
        NotBeforeUnixMs = Math.Max(NotBeforeUnixMs, untilUnixMs),
        ProgressUnixMs = nowUnixMs,
    };

    /// <summary>The whole hashes to what it should.</summary>
    public TransferProgress WholeVerified()
    {
        Require(Phase == TransferPhase.Verifying, "the whole was verified before it was there");
        return this with { Phase = TransferPhase.Done, Reason = null };
    }

    /// <summary>The whole is wrong. Without checksums of parts nobody knows which byte: all is fetched again, a
    /// bounded number of times.</summary>
    public TransferProgress WholeWrong(WeightsFile file, TransferPolicy policy)
    {
        Require(Phase == TransferPhase.Verifying, "the whole was found wrong before it was there");
        string what = $"{file.Source} does not have the checksum {file.Sha256} as a whole";
        if (!file.PartSha256.IsDefaultOrEmpty)
        {
            // Every part had its checksum when it came: the manifest contradicts itself, or the disk is bad.
            what += ", though each part had its own";
        }

        int wholes = BadWholes + 1;
        return wholes >= policy.MaxBadWholes || file.SizeBytes == 0
            ? (this with { BadWholes = wholes }).GiveUp($"{what}. Correct the source or the manifest.")
            : this with
            {
                BadWholes = wholes,
                Phase = TransferPhase.Fetching,
                VerifiedParts = 0,
                Reason = $"{what}; fetching all of it again.",
            };
    }

    /// <summary>What of the file is on disk is gone: nothing of it can be trusted.</summary>
    public TransferProgress Lost(WeightsFile file, long nowUnixMs) => Again(file, nowUnixMs) with
    {
        VerifiedParts = 0,
        Phase = file.Parts == 0 ? TransferPhase.Verifying : TransferPhase.Fetching,
        Reason = "What was fetched before is no longer on disk.",
    };

    /// <summary>One that failed is tried once more from what is verified, with all its patience.</summary>
    public TransferProgress Again(WeightsFile file, long nowUnixMs) => this with
    {
        Phase = VerifiedParts == file.Parts ? TransferPhase.Verifying : TransferPhase.Fetching,
        BadInARow = 0,
        BadWholes = 0,
        Fruitless = 0,
        NotBeforeUnixMs = nowUnixMs,
        ProgressUnixMs = nowUnixMs,
    };

    public TransferProgress GiveUp(string reason) => this with { Phase = TransferPhase.Failed, Reason = reason };

    private static void Require(bool holds, string broken)
    {
        if (!holds)
        {
            throw new InvalidOperationException($"Transfer: {broken}.");
        }
    }
}

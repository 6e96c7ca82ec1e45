using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Transfers;

/// <summary>A file of weights, named by what is in it.</summary>
/// <param name="Sha256">SHA-256 of the whole, 64 lower-case hexadecimal digits: its name everywhere.</param>
/// <param name="SizeBytes">Its size.</param>
/// <param name="PartBytes">Size of the parts that are verified one by one; the last may be shorter.</param>
/// <param name="PartSha256">SHA-256 of each part in order; empty where the source publishes none, and then only the
/// whole is verified.</param>
/// <param name="Source">Where it is: http, https or file.</param>
public sealed record WeightsFile(
    string Sha256, long SizeBytes, long PartBytes, ImmutableArray<string> PartSha256, Uri Source)
{
    /// <summary>How many parts it has; an empty file has none.</summary>
    public int Parts => (int)((SizeBytes + PartBytes - 1) / PartBytes);

    /// <summary>Where a part begins.</summary>
    public long StartOf(int part) => part * PartBytes;

    /// <summary>How long a part is.</summary>
    public long LengthOf(int part) => Math.Min(PartBytes, SizeBytes - StartOf(part));

    /// <summary>What a part must hash to; null where that is not published.</summary>
    public string? HashOf(int part) => PartSha256.IsDefaultOrEmpty ? null : PartSha256[part];

    /// <summary>Everything wrong with it, each with what to change.</summary>
    public IReadOnlyList<string> Check()
    {
        var problems = new List<string>();
        Require(problems, IsHash(Sha256), $"sha256 is '{Sha256}': give 64 lower-case hexadecimal digits.");
        Require(problems, SizeBytes >= 0, $"the size is {SizeBytes} bytes: give 0 or more.");
        Require(problems, PartBytes >= 1, $"the part size is {PartBytes} bytes: give at least 1.");
        Require(problems, Source is { IsAbsoluteUri: true, Scheme: "http" or "https" or "file" },
            $"the source is {Source}: give an http, https or file address.");
        if (PartBytes >= 1 && !PartSha256.IsDefaultOrEmpty)
        {
            Require(problems, PartSha256.Length == Parts,
                $"there are {PartSha256.Length} part checksums for {Parts} parts: give one for each, or none.");
            Require(problems, PartSha256.All(IsHash), "a part's checksum is not 64 lower-case hexadecimal digits.");
        }

        return problems;
    }

    private static bool IsHash(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigitLower);

    private static void Require(List<string> problems, bool holds, string problem)
    {
        if (!holds)
        {
            problems.Add(problem);
        }
    }
}

/// <summary>The way weights take.</summary>
/// <param name="From">Where they come from, in a word: a site, a bucket.</param>
/// <param name="Site">The site they go to; its link carries them.</param>
/// <param name="EgressUsdPerGb">What leaving costs, in US dollars per gigabyte (1e9 bytes) sent.</param>
public sealed record TransferRoute(string From, string Site, decimal EgressUsdPerGb)
{
    private const decimal BytesPerGb = 1_000_000_000;

    /// <summary>What a number of bytes costs; bytes sent twice are paid twice.</summary>
    public decimal CostUsd(long bytes) => bytes / BytesPerGb * EgressUsdPerGb;
}

/// <summary>A file of weights on its way to a site. Two that want the same file at one site share one transfer.
/// </summary>
public sealed record TransferSpec(WeightsFile File, TransferRoute Route)
{
    public TransferKey Key => new(Route.Site, File.Sha256);
}

/// <summary>Names a transfer: what, and where to.</summary>
public readonly record struct TransferKey(string Site, string Sha256);

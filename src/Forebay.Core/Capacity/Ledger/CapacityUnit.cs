namespace Forebay.Core.Capacity.Ledger;

/// <summary>What a pool's capacity is counted in. A pool of accelerators has the first alone; an API quota has each of
/// the others that its account is limited in, side by side. The words are stored: append only.</summary>
public enum CapacityUnit : byte
{
    Accelerators,
    RequestsPerMinute,
    InputTokensPerMinute,
    OutputTokensPerMinute,

    /// <summary>Throughput bought in a provider's own units.</summary>
    ProvisionedUnits,
}

/// <summary>One kind of capacity of one pool: what supply, leases and availability are kept for.</summary>
/// <param name="Pool">The pool's id.</param>
/// <param name="Unit">What is counted.</param>
public readonly record struct CapacityLane(string Pool, CapacityUnit Unit)
{
    public override string ToString() => $"{Pool}/{CapacityUnitWords.Of(Unit)}";
}

/// <summary>Units as words: snake_case, as the fleet file has them.</summary>
public static class CapacityUnitWords
{
    private static readonly string[] Words =
        ["accelerators", "requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute",
            "provisioned_units"];

    public static string Of(CapacityUnit unit) => Words[(int)unit];

    public static bool TryParse(string? word, out CapacityUnit unit)
    {
        int index = Array.IndexOf(Words, word);
        unit = (CapacityUnit)Math.Max(0, index);
        return index >= 0;
    }
}

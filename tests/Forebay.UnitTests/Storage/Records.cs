using Forebay.Core.Serving;
using Forebay.Core.Usage;

namespace Forebay.UnitTests.Storage;

/// <summary>Records whose figures follow from the request's number, so that what is read back can be checked.</summary>
internal static class Records
{
    public const long Noon = 1_772_366_400_000;

    public static AcceptRecord Accept(ulong number, long atUnixMs = Noon) => new(
        number, atUnixMs, $"tenant-{number % 3}", $"key_{number % 5}", "model-a", (long)number + 1, 100);

    public static UsageRecord Settle(ulong number, long atUnixMs = Noon) => new()
    {
        RequestId = number,
        AcceptedUnixMs = atUnixMs,
        Tenant = $"tenant-{number % 3}",
        Key = $"key_{number % 5}",
        Model = "model-a",
        Deployment = $"deployment-{number % 2}",
        Pool = "pool",
        Site = "site",
        Provider = $"provider-{number % 2}",
        Backing = Backing.Real,
        Dialect = Dialect.OpenAi,
        Stream = true,
        Outcome = UsageOutcome.Completed,
        Status = 200,
        Tokens = TokensOf(number),
        ProviderCostMicros = (long)number * 3,
        CustomerPriceMicros = (long)number * 5,
        TimeToFirstTokenMs = 12.5,
        TotalMs = 100,
        Attempts = 1,
    };

    public static TokenUsage TokensOf(ulong number) => new((long)number, (long)number * 2, 1, (long)number + 7);

    public static UsageQuery Everything(params UsageDimension[] groupBy) =>
        new(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200), groupBy);
}

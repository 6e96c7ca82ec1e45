using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Config;

namespace Forebay.TestKit.Fleets;

/// <summary>An offer for tests: 64 accelerators from 1 June 2026, all of them from 1 July; a month's cure, 30 days'
/// notice.</summary>
public static class SmallOffer
{
    /// <summary>2026-06-15, in the ramp.</summary>
    public const long RampMs = 1_781_481_600_000;

    /// <summary>2026-07-15, after it.</summary>
    public const long FullMs = 1_784_073_600_000;

    public static OnboardingConfig Of(string id = "east", string endpoint = "http://127.0.0.1:9") => new()
    {
        Id = id,
        Provider = new ProviderConfig { Id = id },
        Sites = [new() { Id = id + "-1", Provider = id, Country = "US", Jurisdiction = "us" }],
        Commitment = new CommitmentConfig
        {
            Id = id + "-terms",
            Provider = id,
            Unit = CommitmentUnit.Accelerators,
            Quantity = new Figure { Min = 64, Max = 80, Basis = Basis.Reported, Source = "the contract" },
            Ramp =
            [
                new() { From = new DateOnly(2026, 6, 1), Quantity = Figure.Of(32) },
                new() { From = new DateOnly(2026, 7, 1), Quantity = Figure.Of(64) },
            ],
            Starts = new DateOnly(2026, 6, 1),
            Ends = new DateOnly(2027, 5, 31),
            Price = new() { Usd = Figure.Of(2), Per = PricePer.AcceleratorHour },
            TakeOrPayShare = Figure.Of(0.5m),
            NoticeDays = Figure.Of(30),
            CureDays = Figure.Of(30),
        },
        Pools =
        [
            new()
            {
                Id = id + "-h100",
                Site = id + "-1",
                Commitment = id + "-terms",
                Accelerators = new() { Type = "H100-SXM", Count = Figure.Of(64) },
            },
        ],
        Connections =
        [
            new() { Pool = id + "-h100", Endpoint = new Uri(endpoint), OutputTokensPerSecond = 1000 },
        ],
        Acceptance = new() { Requests = 8, Concurrency = 4, MaxOutputTokens = 16 },
    };
}

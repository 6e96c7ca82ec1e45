using System.Globalization;
using System.Security.Cryptography;
using Forebay.TestKit;

namespace Forebay.FunctionalTests.Placement;

/// <summary>A fleet whose model places itself: two incumbents in two jurisdictions, and a partner's file.</summary>
internal sealed record JourneyFleet
{
    public const string Model = "atlas";

    private const int WeightBytes = 200_000;

    private readonly TemporaryFolder _folder;

    public JourneyFleet(TemporaryFolder folder)
    {
        _folder = folder;
        byte[] weights = new byte[WeightBytes];
        new Random(7).NextBytes(weights);
        File.WriteAllBytes(Weights, weights);
        Sha256 = Convert.ToHexStringLower(SHA256.HashData(weights));
    }

    public string Path => _folder.File("forebay.yaml");

    public string Sha256 { get; init; }

    private string Weights => _folder.File("weights.bin");

    /// <summary>What the build is run by, as YAML; emulated engines when null.</summary>
    public string? Engine { get; init; }

    /// <summary>Seconds of an emulated engine in a real one. At 1 it is as fast as the router expects of such an engine,
    /// so that a new one draws requests from the first.</summary>
    public int TimeScale { get; init; } = 1;

    public int MinimumReplicas { get; init; } = 4;

    /// <summary>Seconds between two decisions about placement, of the clock that contracts go by.</summary>
    public int PlacementSeconds { get; init; } = 1;

    /// <summary>Further keys of the alpha group, as YAML flow.</summary>
    public string AlphaGroup { get; init; } = "";

    /// <summary>Further entries of the alpha pools' list.</summary>
    public string MorePools { get; init; } = "";

    public string Write()
    {
        string fresh = Path + ".new";
        string engine = Engine
            ?? $"{{emulated: {{time_scale: {TimeScale}}}, dialects: [openai, anthropic], start_seconds: 1}}";
        File.WriteAllText(fresh, $$$"""
            version: 1
            server:
              placement: {interval_seconds: {{{PlacementSeconds}}}, minimum_dwell_minutes: 0}
            concentration_groups:
              - {id: alpha-grid{{{AlphaGroup}}}}
              - {id: beta-grid}
            providers:
              - {id: alpha, concentration_groups: [alpha-grid]}
              - {id: beta, concentration_groups: [beta-grid]}
            sites:
              - {id: alpha-us, provider: alpha, country: US, jurisdiction: us}
              - {id: beta-eu, provider: beta, country: DE, jurisdiction: eu}
            pools:
              - {id: alpha-pool, site: alpha-us, placement: automatic, accelerators: {type: H100-SXM, count: 8}}
              - {id: beta-pool, site: beta-eu, placement: automatic, accelerators: {type: H100-SXM, count: 8}}
            {{{MorePools}}}
            residency_policies:
              - {id: eu-only, jurisdictions: [eu]}
              - {id: us-only, jurisdictions: [us]}
            models:
              - id: {{{Model}}}
                context_tokens: 32768
                max_output_tokens: 4096
                parameters_billion: 70
                continuation: assistant_prefill
                prices: [{input: 3, output: 15}]
                placement: {minimum_replicas: {{{MinimumReplicas}}}, markets: [eu-only]}
                versions:
                  - id: "1"
                    weights: {size_bytes: {{{WeightBytes}}}, sha256: {{{Sha256}}}, source: {{{Weights}}}}
                    builds:
                      - id: fp8
                        accelerators: [H100-SXM]
                        precision: fp8
                        accelerators_per_replica: 8
                        max_concurrency: 64
                        engine: {{{engine}}}
            tiers: [{id: open}]
            tenants:
              - {id: anywhere, tier: open}
              - {id: europe, tier: open, residency: eu-only}
              - {id: states, tier: open, residency: us-only}
            """);
        File.Move(fresh, Path, overwrite: true);
        return Path;
    }

    /// <summary>The file of a partner in the United States with four replicas' worth, half of it from the first day
    /// on.</summary>
    /// <param name="id">The partner's id.</param>
    /// <param name="endpoint">Where its acceptance is measured.</param>
    /// <param name="starts">The term's first day; the first of this year when left out.</param>
    /// <param name="full">The day on which the other half comes; never in this test when left out.</param>
    public string WriteOffer(string id, Uri endpoint, DateTimeOffset? starts = null, DateTimeOffset? full = null)
    {
        string first = Day(starts ?? new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        string second = Day(full ?? new DateTimeOffset(2126, 1, 1, 0, 0, 0, TimeSpan.Zero));
        string file = _folder.File($"onboard-{id}.yaml");
        File.WriteAllText(file, $$$"""
            id: {{{id}}}
            provider: {id: {{{id}}}, exit_plan: Move to alpha within a week.}
            sites:
              - {id: {{{id}}}-us, provider: {{{id}}}, country: US, jurisdiction: us}
            commitment:
              id: {{{id}}}-terms
              provider: {{{id}}}
              unit: accelerators
              quantity: 32
              starts: {{{first}}}
              ends: 2126-12-31
              ramp:
                - {from: {{{first}}}, quantity: 16}
                - {from: {{{second}}}, quantity: 32}
              price: {usd: 2, per: accelerator_hour}
              notice_days: 10
              cure_days: 30
            pools:
              - id: {{{id}}}-pool
                site: {{{id}}}-us
                commitment: {{{id}}}-terms
                placement: automatic
                accelerators: {type: H100-SXM, count: 32}
            connections:
              - {pool: {{{id}}}-pool, endpoint: '{{{endpoint.AbsoluteUri.TrimEnd('/')}}}', output_tokens_per_second: 1}
            acceptance: {requests: 16, concurrency: 4, max_output_tokens: 32}
            """);
        return file;
    }

    private static string Day(DateTimeOffset at) => at.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}

using System.Security.Cryptography;
using Forebay.TestKit;

namespace Forebay.FunctionalTests.Placement;

/// <summary>A fleet whose model places itself: two incumbents in two jurisdictions, and a partner's file.</summary>
internal sealed record JourneyFleet
{
    public const string Model = "atlas";

    /// <summary>As fast as the router expects of such an engine, so that a new one draws requests from the first.</summary>
    private const int TimeScale = 1;

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

    /// <summary>What the build is run by, as YAML.</summary>
    public string Engine { get; init; } =
        $"{{emulated: {{time_scale: {TimeScale}}}, dialects: [openai, anthropic], start_seconds: 1}}";

    public int MinimumReplicas { get; init; } = 4;

    /// <summary>Further keys of the alpha group, as YAML flow.</summary>
    public string AlphaGroup { get; init; } = "";

    /// <summary>Further entries of the alpha pools' list.</summary>
    public string MorePools { get; init; } = "";

    public string Write()
    {
        string fresh = Path + ".new";
        File.WriteAllText(fresh, $$$"""
            version: 1
            server:
              placement: {interval_seconds: 1, minimum_dwell_minutes: 0}
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
                        engine: {{{Engine}}}
            tiers: [{id: open}]
            tenants:
              - {id: anywhere, tier: open}
              - {id: europe, tier: open, residency: eu-only}
              - {id: states, tier: open, residency: us-only}
            """);
        File.Move(fresh, Path, overwrite: true);
        return Path;
    }

    /// <summary>The file of a partner in the United States with four replicas' worth, half of it from this year on.
    /// </summary>
    public string WriteOffer(string id, Uri endpoint)
    {
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
              starts: 2026-01-01
              ends: 2126-12-31
              ramp:
                - {from: 2026-01-01, quantity: 16}
                - {from: 2126-01-01, quantity: 32}
              price: {usd: 2, per: accelerator_hour}
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
}

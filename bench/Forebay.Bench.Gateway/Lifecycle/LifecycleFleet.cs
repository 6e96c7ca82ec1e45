using System.Security.Cryptography;
using System.Text;

namespace Forebay.Bench.Gateway.Lifecycle;

/// <summary>
/// The fleet whose capacity changes: the loaded model on deployments of the file, two of which come and go, and on
/// replicas that placement starts as processes; beside it other models, so that a snapshot has as many deployments as a
/// real fleet's.
/// </summary>
internal sealed class LifecycleFleet
{
    public const string Model = "bench-model";
    public const string Tenant = "bench";

    /// <summary>The pool that is drained and returned.</summary>
    public const string DrainedPool = "engines-too";

    public const int Replicas = 4;

    private const int UpstreamPort = 9001;
    private const int WeightBytes = 100_000;

    /// <summary>Far more than is ever asked.</summary>
    private const string Quota = "{requests_per_minute: 100000000, input_tokens_per_minute: 100000000000, "
        + "output_tokens_per_minute: 10000000000}";

    /// <summary>What the loaded tenant is promised; checked at each request and never reached.</summary>
    private const string Promise = "requests_per_minute: 100000000, input_tokens_per_minute: 1000000000, "
        + "output_tokens_per_minute: 1000000000";

    private readonly string _folder;
    private readonly string _engine;
    private readonly string _sha256;
    private readonly int _others;

    /// <param name="folder">Where its files go.</param>
    /// <param name="tools">Where the upstream is, which is the engine of replicas too.</param>
    /// <param name="others">Deployments of other models.</param>
    public LifecycleFleet(string folder, string tools, int others)
    {
        (_folder, _engine, _others) = (folder, System.IO.Path.Combine(tools, "upstream"), others);
        byte[] weights = new byte[WeightBytes];
        new Random(1).NextBytes(weights);
        File.WriteAllBytes(Weights, weights);
        _sha256 = Convert.ToHexStringLower(SHA256.HashData(weights));
    }

    public string Path => System.IO.Path.Combine(_folder, "fleet.yaml");

    private string Weights => System.IO.Path.Combine(_folder, "weights.bin");

    /// <summary>Writes the fleet file.</summary>
    /// <param name="extra">Whether the deployment that reloads bring and take is in it.</param>
    public void Write(bool extra)
    {
        var others = new StringBuilder();
        var deployments = new StringBuilder();
        for (int i = 0; i < _others; i++)
        {
            others.AppendLine(
                $"  - {{id: other-{i}, context_tokens: 100000, max_output_tokens: 8000, parameters_billion: 8}}");
            deployments.AppendLine(Deployment($"other-{i}-here", $"other-{i}", "engines", version: ""));
        }

        deployments.AppendLine(extra ? Deployment("plain-extra", Model, "engines") : "");
        string fresh = Path + ".new";
        File.WriteAllText(fresh, $$$"""
            version: 1
            server:
              placement: {interval_seconds: 30, minimum_dwell_minutes: 0}
              limits_follow:
                {mode: propose, interval_seconds: 86400, least_history_hours: 0, raise_after_hours: 0, raise_margin: 0.05,
                 reserve: nothing, steps: [1, 2]}
            providers: [{id: local}]
            sites: [{id: here, provider: local, country: US, jurisdiction: us}]
            pools:
              - {id: engines, site: here, quota: {{{Quota}}}}
              - {id: {{{DrainedPool}}}, site: here, quota: {{{Quota}}}}
              - {id: placed, site: here, placement: automatic, accelerators: {type: H100-SXM, count: {{{Replicas}}}}}
            models:
              - id: {{{Model}}}
                context_tokens: 100000
                max_output_tokens: 8000
                parameters_billion: 8
                placement: {minimum_replicas: {{{Replicas}}}}
                versions:
                  - id: "1"
                    weights: {size_bytes: {{{WeightBytes}}}, sha256: {{{_sha256}}}, source: '{{{Weights}}}'}
                    builds:
                      - id: fp8
                        accelerators: [H100-SXM]
                        precision: fp8
                        accelerators_per_replica: 1
                        max_concurrency: 1000
                        engine: {command: '{{{_engine}}} {port}', dialects: [openai], start_seconds: 1}
            {{{others}}}
            deployments:
            {{{Deployment("plain", Model, "engines")}}}
            {{{Deployment("plain-too", Model, DrainedPool)}}}
            {{{deployments}}}
            tiers:
              - {id: bench, priority: interactive, {{{Promise}}}}
            residency_policies: [{id: us-only, jurisdictions: [us]}]
            tenants: [{id: {{{Tenant}}}, tier: bench, residency: us-only}]
            """);
        File.Move(fresh, Path, overwrite: true);
    }

    /// <summary>The file of a partner; no two are alike.</summary>
    public static string Offer(int number) => $$"""
        id: partner-{{number}}
        provider: {id: partner-{{number}}}
        sites: [{id: partner-{{number}}-site, provider: partner-{{number}}, country: US, jurisdiction: us}]
        commitment:
          id: partner-{{number}}-terms
          provider: partner-{{number}}
          unit: accelerators
          quantity: 8
          starts: 2026-01-01
          ends: 2126-12-31
          price: {usd: 2, per: accelerator_hour}
          cure_days: 30
        pools:
          - id: partner-{{number}}-pool
            site: partner-{{number}}-site
            commitment: partner-{{number}}-terms
            accelerators: {type: H100-SXM, count: 8}
        connections:
          - {pool: partner-{{number}}-pool, endpoint: 'http://127.0.0.1:{{UpstreamPort}}', output_tokens_per_second: 1}
        acceptance: {requests: 16, concurrency: 4, max_output_tokens: 32}
        """;

    private static string Deployment(string id, string model, string pool, string version = ", model_version: \"1\"") =>
        $"  - {{id: {id}, model: {model}{version}, pool: {pool}, dialects: [openai], "
        + $"endpoint: \"http://127.0.0.1:{UpstreamPort}\", max_concurrency: 20000}}";
}

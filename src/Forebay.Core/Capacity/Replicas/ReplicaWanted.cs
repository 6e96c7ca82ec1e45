using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Execution;
using Forebay.Core.Serving;

namespace Forebay.Core.Capacity.Replicas;

/// <summary>A file of weights, and where in the engine's folder it lies.</summary>
public sealed record ReplicaWeights(string Path, TransferSpec Transfer);

/// <summary>When an engine counts as warm.</summary>
/// <param name="Requests">Warm-up requests in a row that must be answered within the objective.</param>
/// <param name="ObjectiveMs">Longest time of one, its one token of output included.</param>
/// <param name="PromptTokens">Words in each prompt: engines compile and allocate by size.</param>
public sealed record WarmupObjective(int Requests = 3, double ObjectiveMs = 10_000, int PromptTokens = 64);

/// <summary>
/// One replica that shall run: a plain value, from whoever decides. The same record twice is the same replica; another
/// <see cref="Fingerprint"/> under one id replaces the engine, the rest changes while it runs.
/// </summary>
public sealed record ReplicaWanted
{
    /// <summary>Names the replica, and its deployment in the fleet.</summary>
    public required string Id { get; init; }

    /// <summary>The model that clients ask for.</summary>
    public required string Model { get; init; }

    /// <summary>The model's version: an answer is gone on with only within one.</summary>
    public required string Version { get; init; }

    /// <summary>Which build of it: precision and engine, in any words.</summary>
    public string Build { get; init; } = "";

    public required string Pool { get; init; }

    public required string Site { get; init; }

    public WorkResources Resources { get; init; }

    /// <summary>The engine; <c>{port}</c>, <c>{weights}</c> (the folder) and <c>{weights:PATH}</c> (a file in it) in
    /// its arguments and environment are replaced when it starts.</summary>
    public required string Program { get; init; }

    public ImmutableArray<string> Arguments { get; init; } = [];

    public ImmutableSortedDictionary<string, string> Environment { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Variables whose values are secrets, as <c>env:NAME</c> or <c>file:PATH</c>: read when the engine
    /// starts, never stored.</summary>
    public ImmutableSortedDictionary<string, string> Secrets { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    public ImmutableArray<ReplicaWeights> Weights { get; init; } = [];

    /// <summary>Answers 200 once the engine can take requests.</summary>
    public string HealthPath { get; init; } = "/health";

    /// <summary>Where it tells its load; <c>off</c> for nowhere, the usual path when left out.</summary>
    public string? MetricsPath { get; init; }

    /// <summary>From its start until it must be healthy; as any replica may take when left out.</summary>
    public long? StartTimeoutMs { get; init; }

    public ImmutableArray<Dialect> Dialects { get; init; } = [Dialect.OpenAi];

    /// <summary>The model's name at the engine; the model's id when left out.</summary>
    public string? UpstreamModel { get; init; }

    /// <summary>Most requests in flight at once.</summary>
    public int MaxConcurrency { get; init; } = 256;

    public Backing Backing { get; init; } = Backing.Real;

    public WarmupObjective Warmup { get; init; } = new();

    /// <summary>SHA-256 over what the engine process is made of: when it changes, the process must be another one.
    /// </summary>
    public string Fingerprint()
    {
        var text = new StringBuilder();
        void Add(string part) => text.Append(CultureInfo.InvariantCulture, $"{part.Length}:{part}");
        void AddAll(IReadOnlyCollection<string> parts)
        {
            Add(parts.Count.ToString(CultureInfo.InvariantCulture));
            foreach (string part in parts)
            {
                Add(part);
            }
        }

        AddAll([Model, Version, Build, Pool, Site, Program]);
        AddAll([Resources.AcceleratorType ?? "", Resources.Accelerators.ToString(CultureInfo.InvariantCulture)]);
        AddAll(Arguments);
        AddAll([.. Environment.SelectMany(e => (string[])[e.Key, e.Value])]);
        AddAll([.. Secrets.SelectMany(e => (string[])[e.Key, e.Value])]);
        AddAll([.. Weights.SelectMany(w => (string[])[w.Path, w.Transfer.File.Sha256])]);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>Everything wrong with it, each with what to change; empty when it can be run.</summary>
    public IReadOnlyList<string> Check()
    {
        var problems = new List<string>(ToWork(1, Program, [], []).Check());
        if (MaxConcurrency < 1)
        {
            problems.Add($"max_concurrency is {MaxConcurrency}: give at least 1.");
        }

        if (Dialects.IsDefaultOrEmpty)
        {
            problems.Add("it speaks no dialect: name at least one.");
        }

        if (Warmup is not { Requests: >= 1, ObjectiveMs: > 0, PromptTokens: >= 1 })
        {
            problems.Add("warmup needs at least 1 request, an objective above 0 ms and a prompt of at least 1 token.");
        }

        foreach (ReplicaWeights weights in Weights)
        {
            string[] steps = weights.Path.Split('/');
            if (steps.Any(s => s is "" or "." or ".."))
            {
                problems.Add($"the weights' path {weights.Path} is not one: give it relative, without '..'.");
            }

            problems.AddRange(weights.Transfer.File.Check().Select(p => $"weights {weights.Path}: {p}"));
        }

        return problems;
    }

    /// <summary>The work that runs it.</summary>
    /// <param name="generation">Which generation.</param>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Arguments with weights in place; ports are the executor's to fill in.</param>
    /// <param name="environment">Variables, secrets read.</param>
    public WorkSpec ToWork(
        long generation,
        string program,
        ImmutableArray<string> arguments,
        IEnumerable<KeyValuePair<string, string>> environment) => new()
        {
            Id = Id,
            Generation = generation,
            Program = program,
            Arguments = arguments,
            Environment = environment.ToImmutableSortedDictionary(StringComparer.Ordinal),
            Resources = Resources,
            Ports = ["http"],
        };

    /// <summary>The replica as the router knows it, once it is ready.</summary>
    public DeploymentConfig ToDeployment(Uri endpoint) => new()
    {
        Id = Id,
        Model = Model,
        Pool = Pool,
        Replicas = 1,
        AcceleratorsPerReplica = Resources.Accelerators,
        Dialects = [.. Dialects],
        Endpoint = endpoint,
        Backing = Backing,
        UpstreamModel = UpstreamModel,
        ModelVersion = Version,
        MaxConcurrency = MaxConcurrency,
        Health = new() { ProbePath = HealthPath, MetricsPath = MetricsPath },
    };
}

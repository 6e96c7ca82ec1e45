using System.Text.Json.Serialization;
using Forebay.Core.Config;

namespace Forebay.Core.Serving.Versions;

/// <summary>The number format that a build keeps its weights in.</summary>
public enum WeightPrecision : byte
{
    /// <summary>Two bytes a weight.</summary>
    [JsonStringEnumMemberName("bf16")]
    BFloat16,

    /// <summary>One byte a weight.</summary>
    [JsonStringEnumMemberName("fp8")]
    Float8,

    /// <summary>Half a byte a weight.</summary>
    [JsonStringEnumMemberName("fp4")]
    Float4,
}

/// <summary>The weights of one version: fixed bytes, told by their checksum.</summary>
public sealed record WeightsConfig
{
    [ConfigKey("Size in bytes, over all files; what a transfer to a site has to move.", Required = true, Minimum = 1,
        Maximum = 1e15)]
    public required long SizeBytes { get; init; }

    [ConfigKey("SHA-256 in lower-case hexadecimal, that every copy is checked against.", Required = true,
        Pattern = "[0-9a-f]{64}")]
    public required string Sha256 { get; init; }

    [ConfigKey("Where the weights come from: a path on this machine, or a URI that the executor understands.",
        Required = true, Example = "/models/atlas-large-2026-10-01.safetensors")]
    public required string Source { get; init; }
}

/// <summary>What one replica does at the model's objective, when it computes nothing else.</summary>
public sealed record BuildPerformanceConfig
{
    [ConfigKey("Uncached prompt tokens a second that one replica computes at the model's objective.", Required = true,
        Minimum = 0.001)]
    public required Figure PrefillTokensPerSecond { get; init; }

    [ConfigKey("Output tokens a second that one replica produces at the model's objective, over its whole batch.",
        Required = true, Minimum = 0.001)]
    public required Figure DecodeTokensPerSecond { get; init; }
}

/// <summary>How an emulated engine stands in for the build.</summary>
public sealed record EmulatedEngineConfig
{
    [ConfigKey("Seconds of the engine per real second.", Minimum = 0.001, Maximum = 100_000)]
    public double TimeScale { get; init; } = 1;
}

/// <summary>What runs a replica of a build. Give one of command, image, emulated.</summary>
public sealed record BuildEngineConfig
{
    [ConfigKey("Command line that starts one replica. {port}, {model}, {version}, {weights} (path of the local " +
        "copy), {accelerators} (how many), {devices} (their numbers, joined by commas) and {replica} (its id) are " +
        "filled in.",
        Example = "vllm serve {weights} --served-model-name {model} --port {port}")]
    public string? Command { get; init; }

    [ConfigKey("Container image that runs one replica, for executors that start containers.",
        Example = "registry.example.com/engines/vllm:0.11")]
    public string? Image { get; init; }

    [ConfigKey("The engine emulator in place of an engine: timing from the engine model, text that means nothing.")]
    public EmulatedEngineConfig? Emulated { get; init; }

    [ConfigKey("Variables of its environment, each NAME=VALUE; the command's placeholders are filled in here too.",
        Pattern = "[A-Za-z_][A-Za-z0-9_]*=.*", Example = "[CUDA_VISIBLE_DEVICES={devices}]")]
    public string[] Environment { get; init; } = [];

    [ConfigKey("Path that answers 200 once the replica can serve.", Pattern = "/.*")]
    public string HealthPath { get; init; } = "/health";

    [ConfigKey("Path of its metrics, or off.", Pattern = "/.*|off")]
    public string MetricsPath { get; init; } = "/metrics";

    [ConfigKey("Wire formats it speaks: anthropic, openai.")]
    public Dialect[] Dialects { get; init; } = [Dialect.OpenAi];

    [ConfigKey("Seconds from the start of the process, weights at hand, until it can serve.", Minimum = 0,
        Maximum = 86_400)]
    public double StartSeconds { get; init; } = 120;

    [ConfigKey("Most seconds it may take before a start counts as failed.", Minimum = 1, Maximum = 86_400)]
    public double StartTimeoutSeconds { get; init; } = 1200;
}

/// <summary>One way to run a version: on these chips, in this precision, with this engine.</summary>
public sealed record ModelBuildConfig
{
    [ConfigKey("Short name, its own within the version.", Required = true, Pattern = Ids.Pattern,
        Example = "hopper-fp8")]
    public required string Id { get; init; }

    [ConfigKey("Types of the accelerator catalogue that it runs on.", Required = true,
        Example = "[H100-SXM, H200-SXM]")]
    public required string[] Accelerators { get; init; }

    [ConfigKey("Number format of its weights: bf16, fp8, fp4. The chips must compute in it.", Required = true)]
    public required WeightPrecision Precision { get; init; }

    [ConfigKey("Accelerators that one replica spans, all within one interconnect domain.", Required = true,
        Minimum = 1, Maximum = 100_000)]
    public required int AcceleratorsPerReplica { get; init; }

    [ConfigKey("Memory that one replica needs at least, over all its accelerators, in GB; its weights when left out.",
        Minimum = 0.001)]
    public double? MemoryGb { get; init; }

    [ConfigKey("Most requests in flight in one replica.", Minimum = 1, Maximum = 65_536)]
    public int MaxConcurrency { get; init; } = 256;

    [ConfigKey("What one replica does at the model's objective, where it was measured; from the engine model and the " +
        "catalogue when left out.")]
    public BuildPerformanceConfig? Performance { get; init; }

    [ConfigKey("What runs it.", Required = true)]
    public required BuildEngineConfig Engine { get; init; }
}

/// <summary>An immutable version of a model: the same weights for as long as it has its id.</summary>
public sealed record ModelVersionConfig
{
    [ConfigKey("Name of the version, its own within the model. What it stands for never changes.", Required = true,
        Pattern = Ids.Pattern, Example = "2026-10-01")]
    public required string Id { get; init; }

    [ConfigKey("Its weights.", Required = true)]
    public required WeightsConfig Weights { get; init; }

    [ConfigKey("The ways to run it.", Required = true)]
    public required ModelBuildConfig[] Builds { get; init; }
}

/// <summary>What placement owes a model.</summary>
public sealed record ModelPlacementConfig
{
    [ConfigKey("Time to first token that the model is placed for, the way from the client included, in milliseconds.",
        Minimum = 1, Maximum = 3_600_000)]
    public double TimeToFirstTokenMs { get; init; } = 2000;

    [ConfigKey("Time per output token that it is placed for, in milliseconds.", Minimum = 0.1, Maximum = 60_000)]
    public double TimePerOutputTokenMs { get; init; } = 50;

    [ConfigKey("Replicas that stand even without demand.", Minimum = 0, Maximum = 10_000)]
    public int MinimumReplicas { get; init; }

    [ConfigKey("From 2 on: so many replicas share no concentration group and no provider with each other, and the " +
        "loss of any one group leaves minimum_replicas.", Minimum = 1, Maximum = 16)]
    public int MinimumGroups { get; init; } = 1;

    [ConfigKey("Residency policies for each of which at least one replica stands where it allows.",
        RefersTo = "residency_policies")]
    public string[] Markets { get; init; } = [];

    [ConfigKey("How much its demand counts beside other models' where capacity is short.", Minimum = 0.001,
        Maximum = 1000)]
    public double Weight { get; init; } = 1;
}

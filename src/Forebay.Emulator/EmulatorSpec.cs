using System.Text.Json.Serialization;
using Forebay.Core.Capacity;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Engine;
using Forebay.Emulator.Faults;

namespace Forebay.Emulator;

/// <summary>Every engine that one emulator process hosts.</summary>
/// <remarks>Optional members have setters, not initializers: the JSON source generator would otherwise overwrite their
/// defaults when a file leaves them out.</remarks>
public sealed record EmulatorSpec
{
    /// <summary>The deployments, each on its own port.</summary>
    public required EmulatedDeploymentSpec[] Deployments { get; init; }

    /// <summary>How many seconds of the engine model pass in one real second.</summary>
    public double TimeScale { get; set; } = 1;

    /// <summary>Seeds the faults that happen with a probability.</summary>
    public ulong Seed { get; set; } = 1;

    /// <summary>Tokens in one event of a stream; engines send one.</summary>
    public int TokensPerEvent { get; set; } = 1;

    /// <summary>Everything wrong with the spec, each with what to change; empty when it can be started.</summary>
    public IReadOnlyList<string> Check()
    {
        var problems = new List<string>();
        if (Deployments.Length == 0)
        {
            problems.Add("deployments is empty: name at least one.");
        }

        if (TimeScale is not (>= 0.001 and <= 1_000_000))
        {
            problems.Add($"time_scale is {TimeScale}: give 0.001 to 1,000,000.");
        }

        if (TokensPerEvent is < 1 or > 1024)
        {
            problems.Add($"tokens_per_event is {TokensPerEvent}: give 1 to 1024.");
        }

        foreach ((string id, int times) in Deployments.CountBy(d => d.Id).Where(d => d.Value > 1))
        {
            problems.Add($"deployment {id} is there {times} times: ids must differ.");
        }

        foreach (EmulatedDeploymentSpec deployment in Deployments)
        {
            deployment.Check(problems);
        }

        return problems;
    }
}

/// <summary>One emulated deployment. Give <see cref="Engine"/>, or <see cref="Accelerator"/> with
/// <see cref="Description"/>.</summary>
public sealed record EmulatedDeploymentSpec
{
    public required string Id { get; init; }

    /// <summary>The name under which the model is served.</summary>
    public required string Model { get; init; }

    /// <summary>Wire formats that the endpoint speaks.</summary>
    public Dialect[] Dialects { get; set; } = [Dialect.Anthropic, Dialect.OpenAi];

    /// <summary>Copies of the engine; a request goes to the one with the fewest.</summary>
    public int Replicas { get; set; } = 1;

    /// <summary>The port to listen on; 0 for any free one.</summary>
    public int Port { get; set; }

    /// <summary>Network round trip to the site in milliseconds of model time, waited before a request is taken in.
    /// </summary>
    public double SiteLatencyMs { get; set; }

    /// <summary>Longest answer in tokens; the context window when left out.</summary>
    public int? MaxOutputTokens { get; set; }

    /// <summary>Faults that happen without being asked for, such as <c>500@0.1</c>.</summary>
    public string[] Faults { get; set; } = [];

    /// <summary>The engine's parameters, given as they are.</summary>
    public EngineParameters? Engine { get; set; }

    /// <summary>The chip, by its name in the catalogue; the parameters are computed from it and the description.
    /// </summary>
    public string? Accelerator { get; set; }

    public int AcceleratorsPerReplica { get; set; } = 1;

    /// <summary>The model's sizes.</summary>
    public ModelConfig? Description { get; set; }

    /// <summary>The parameters of one replica.</summary>
    /// <exception cref="ArgumentException">They cannot be computed; the message says what to change.</exception>
    public EngineParameters Parameters()
    {
        if (Engine is not null)
        {
            Engine.Validate();
            return Engine;
        }

        if (Accelerator is null || Description is null)
        {
            throw new ArgumentException("give engine, or accelerator and description.");
        }

        Accelerator chip = AcceleratorCatalogue.BuiltIn.Find(Accelerator) ?? throw new ArgumentException(
            $"accelerator {Accelerator} is not in the catalogue: "
            + $"{string.Join(", ", AcceleratorCatalogue.BuiltIn.Names)}.");
        return EngineParameters.For(chip, Description, AcceleratorsPerReplica);
    }

    internal void Check(List<string> problems)
    {
        Require(problems, Id.Length > 0, "id is empty.");
        Require(problems, Model.Length > 0, "model is empty.");
        Require(problems, Dialects.Length > 0, "dialects is empty: give anthropic, openai or both.");
        Require(problems, Replicas is >= 1 and <= 100_000, $"replicas is {Replicas}: give 1 to 100,000.");
        Require(problems, Port is >= 0 and <= 65_535, $"port is {Port}: give 0 to 65,535.");
        Require(problems, SiteLatencyMs is >= 0 and <= 60_000,
            $"site_latency_ms is {SiteLatencyMs}: give 0 to 60,000.");
        Require(problems, MaxOutputTokens is null or > 0, $"max_output_tokens is {MaxOutputTokens}: give at least 1.");
        foreach (string fault in Faults)
        {
            if (!Fault.TryParse(fault, out _, out string? problem))
            {
                problems.Add($"deployment {Id}: {problem}");
            }
        }

        try
        {
            Parameters();
        }
        catch (ArgumentException e)
        {
            problems.Add($"deployment {Id}: {e.Message}");
        }
    }

    private void Require(List<string> problems, bool holds, string problem)
    {
        if (!holds)
        {
            problems.Add($"deployment {Id}: {problem}");
        }
    }
}

/// <summary>What the process says on standard output, in one line, once every engine listens.</summary>
/// <param name="Endpoints">Base URLs by deployment id.</param>
public sealed record EmulatorReady(Dictionary<string, Uri> Endpoints);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EmulatorSpec))]
[JsonSerializable(typeof(EmulatorReady))]
public sealed partial class EmulatorJson : JsonSerializerContext;

using Forebay.Core.Capacity;
using Forebay.Core.Serving.Engine;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// What is assumed of a deployment before it has been seen at work: from the engine model where the chip and the model
/// are known, else figures of an ordinary API. Times in nanoseconds; loads over all replicas.
/// </summary>
/// <param name="FirstTokenNs">Time to first token of an idle engine, the prompt's own tokens apart.</param>
/// <param name="PromptTokenNs">Time per prompt token to be computed, its own and those ahead.</param>
/// <param name="RunningNs">By how much each running request delays a first token.</param>
/// <param name="TokenNs">Time per output token of a request alone.</param>
/// <param name="BatchNs">By how much each further running request lengthens it.</param>
/// <param name="CacheBlocks">Prompt blocks that its caches keep.</param>
/// <param name="Trust">The share by which the times may be off.</param>
public sealed record SpeedPrior(
    double FirstTokenNs,
    double PromptTokenNs,
    double RunningNs,
    double TokenNs,
    double BatchNs,
    int CacheBlocks,
    double Trust)
{
    /// <summary>Tokens that the KV memory of one replica holds; 0 where that is not known.</summary>
    public long KvTokens { get; init; }

    /// <summary>Engines behind the endpoint.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>A deployment of which nothing is known is thought fast until it has been seen, so that it gets to be
    /// seen; the first answers teach the rest.</summary>
    public static SpeedPrior Unknown { get; } = new(200e3, 100, 0, 1e6, 0, 1_000_000, 2000);

    /// <summary>The prior of a deployment.</summary>
    public static SpeedPrior For(DeploymentConfig deployment, PoolConfig pool, ModelConfig model)
    {
        if (deployment.AcceleratorsPerReplica < 1
            || pool.Accelerators is not { } held
            || AcceleratorCatalogue.BuiltIn.Find(held.Type) is not { } chip)
        {
            return Unknown with { Replicas = deployment.Replicas };
        }

        try
        {
            return For(EngineParameters.For(chip, model, deployment.AcceleratorsPerReplica), deployment.Replicas);
        }
        catch (ArgumentException)
        {
            // The engine model says that it cannot run there; whoever answers at the endpoint says it can.
            return Unknown with { Replicas = deployment.Replicas };
        }
    }

    /// <summary>The prior of a number of like engines behind one endpoint.</summary>
    public static SpeedPrior For(EngineParameters engine, int replicas)
    {
        const double PsPerNs = 1000;
        const int Context = 2048;
        double step = engine.StepPs(1, 1, Context, 0) / PsPerNs;
        int chunk = engine.MaxTokensPerStep;
        double full = engine.StepPs(1, chunk, 0, (long)chunk * chunk / 2) / PsPerNs;
        double crowded = engine.StepPs(65, 65, 65L * Context, 0) / PsPerNs;
        double perRunning = (crowded - step) / 64;
        return new SpeedPrior(
            step,
            full / chunk / replicas,
            perRunning / replicas,
            step,
            perRunning / replicas,
            (int)Math.Min(int.MaxValue / 2, (long)engine.KvBlocks * replicas),
            0.5)
        {
            KvTokens = (long)engine.KvBlocks * EngineParameters.BlockTokens,
            Replicas = replicas,
        };
    }
}

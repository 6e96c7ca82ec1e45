using System.Globalization;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Serving.Engine;

namespace Forebay.Core.Serving.Versions;

/// <summary>
/// What one replica of a build does at a model's objective. A replica that computes prompts at <c>i</c> and answers at
/// <c>o</c> tokens a second is busy for <c>i / prefill + o / decode</c> of its time.
/// </summary>
/// <param name="PrefillTokensPerSecond">Uncached prompt tokens a second, were it to do nothing else.</param>
/// <param name="DecodeTokensPerSecond">Output tokens a second over its whole batch, were it to do nothing else.</param>
/// <param name="Basis">Where the figures come from.</param>
/// <param name="Source">In words.</param>
public sealed record BuildPerformance(
    double PrefillTokensPerSecond, double DecodeTokensPerSecond, Basis Basis, string Source)
{
    /// <summary>Prompt that a derived figure is for, in tokens.</summary>
    public const int TypicalPromptTokens = 2048;

    /// <summary>Context that each sequence of a derived batch has read, in tokens.</summary>
    public const int TypicalContextTokens = 4096;

    private const double PsPerMs = 1e9;
    private const double PsPerSecond = 1e12;

    /// <summary>Whether a chip computes in a precision, rather than merely holding such weights.</summary>
    public static bool Computes(Accelerator chip, WeightPrecision precision) => precision switch
    {
        WeightPrecision.Float8 => chip.Fp8Tflops is not null,
        WeightPrecision.Float4 => chip.Fp4Tflops is not null,
        _ => true,
    };

    /// <summary>Bytes of one weight.</summary>
    public static double BytesPerWeight(WeightPrecision precision) => precision switch
    {
        WeightPrecision.BFloat16 => 2,
        WeightPrecision.Float8 => 1,
        WeightPrecision.Float4 => 0.5,
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "A precision without a size."),
    };

    /// <summary>As stated, else as derived; null where neither says anything.</summary>
    public static BuildPerformance? Of(ModelConfig model, ModelBuildConfig build, Accelerator chip)
    {
        if (build.Performance is not { } stated)
        {
            return Derive(model, build, chip, out _);
        }

        // A range counts with its lower end.
        Figure prefill = stated.PrefillTokensPerSecond;
        Figure decode = stated.DecodeTokensPerSecond;
        return new BuildPerformance(
            (double)prefill.Low,
            (double)decode.Low,
            prefill.Basis == decode.Basis ? prefill.Basis : Basis.Computed,
            prefill.Source ?? decode.Source ?? "stated in the fleet file");
    }

    /// <summary>
    /// Derives the figures from the engine model: a prompt of 2,048 tokens is computed at the largest utilisation at
    /// which it is still done within the time to first token (mean of the M/M/1 queue, <c>s / (1 - rho)</c>; Kleinrock,
    /// Queueing Systems I, ch. 3), and the batch is the largest whose steps take no longer than the time per output
    /// token and whose contexts, 4,096 tokens each, fit the KV cache.
    /// </summary>
    /// <param name="model">The model, with its objective.</param>
    /// <param name="build">The build.</param>
    /// <param name="chip">The chip.</param>
    /// <param name="why">Why there are none; empty where there are.</param>
    public static BuildPerformance? Derive(ModelConfig model, ModelBuildConfig build, Accelerator chip, out string why)
    {
        EngineParameters engine;
        try
        {
            engine = EngineParameters.For(
                chip, model with { BytesPerWeight = BytesPerWeight(build.Precision) }, build.AcceleratorsPerReplica);
        }
        catch (ArgumentException e)
        {
            why = e.Message;
            return null;
        }

        ModelPlacementConfig objective = model.Placement;
        int prompt = Math.Min(TypicalPromptTokens, model.ContextTokens);
        double promptMs = engine.StepPs(1, prompt, 0, (long)prompt * prompt / 2) / PsPerMs;
        double utilisation = 1 - promptMs / objective.TimeToFirstTokenMs;
        int batch = LargestBatch(engine, Math.Min(build.MaxConcurrency, engine.MaxSequences),
            Math.Min(TypicalContextTokens, model.ContextTokens), objective.TimePerOutputTokenMs);
        if (utilisation <= 0 || batch == 0)
        {
            why = utilisation <= 0
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"a prompt of {prompt} tokens takes {promptMs:0} ms alone, and time_to_first_token_ms is ")
                    + string.Create(CultureInfo.InvariantCulture, $"{objective.TimeToFirstTokenMs:0}.")
                : "one sequence alone takes longer per token than time_per_output_token_ms, "
                    + string.Create(CultureInfo.InvariantCulture, $"{objective.TimePerOutputTokenMs:0.#}.");
            return null;
        }

        why = "";
        double stepPs = StepPs(engine, batch, Math.Min(TypicalContextTokens, model.ContextTokens));
        return new BuildPerformance(
            prompt / (promptMs / 1000) * utilisation,
            batch * PsPerSecond / stepPs,
            Basis.Computed,
            string.Create(CultureInfo.InvariantCulture, $"engine model: {build.AcceleratorsPerReplica} x {chip.Name}, "
                + $"prompts of {prompt} tokens at utilisation {utilisation:0.00}, batch of {batch}"));
    }

    private static double StepPs(EngineParameters engine, int batch, int context) =>
        engine.StepPs(batch, batch, (long)batch * context, 0);

    private static int LargestBatch(EngineParameters engine, int most, int context, double tokenMs)
    {
        int room = Math.Min(most, engine.KvBlocks / Math.Max(1, EngineParameters.BlocksFor(context)));
        int low = 0;
        int high = Math.Max(0, room);
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = StepPs(engine, middle, context) <= tokenMs * PsPerMs ? (middle, high) : (low, middle - 1);
        }

        return low;
    }
}

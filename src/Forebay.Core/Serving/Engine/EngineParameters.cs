using Forebay.Core.Capacity;

namespace Forebay.Core.Serving.Engine;

/// <summary>
/// What the engine model needs to know of one replica. Times are whole picoseconds, so that sums over many steps are
/// exact and a run replays to the bit.
/// </summary>
public sealed record EngineParameters
{
    /// <summary>Tokens per KV block.</summary>
    public const int BlockTokens = 16;

    /// <summary>Longest prompt plus answer, in tokens.</summary>
    public required int ContextTokens { get; init; }

    /// <summary>KV blocks of the replica.</summary>
    public required int KvBlocks { get; init; }

    /// <summary>Most sequences in the batch.</summary>
    public int MaxSequences { get; init; } = 256;

    /// <summary>Most tokens computed in one step, decode and prefill together.</summary>
    public int MaxTokensPerStep { get; init; } = 8192;

    /// <summary>Fixed time of a step.</summary>
    public required long StepOverheadPs { get; init; }

    /// <summary>Time of a step per sequence in it.</summary>
    public required long SequencePs { get; init; }

    /// <summary>Time to read all weights once.</summary>
    public required long WeightsReadPs { get; init; }

    /// <summary>Share of the weights that one token touches: 1 for a dense model, active over total parameters for
    /// mixture-of-experts. A batch touches <c>1 - (1 - share)^tokens</c> of them.</summary>
    public double ActiveShare { get; init; } = 1;

    /// <summary>Time to compute one token through the weights.</summary>
    public required long TokenComputePs { get; init; }

    /// <summary>Time of the all-reduces for one token.</summary>
    public long TokenCommunicationPs { get; init; }

    /// <summary>Time to read one token's keys and values.</summary>
    public required long KvReadPs { get; init; }

    /// <summary>Time to compute attention between one prompt token and one token before it.</summary>
    public required long AttentionPairPs { get; init; }

    /// <summary>
    /// Computes the parameters of a replica: two FLOP per active parameter and token; weights and KV cache in what
    /// memory remains; depth and width from the parameter count where only that is known (a transformer of aspect
    /// ratio 115 has 12 * 115^2 * layers^3 parameters; attention costs 4 * layers * width FLOP per pair; grouped-query
    /// attention with eight heads of 128 keeps 4096 * layers bytes of BF16 per token).
    /// </summary>
    /// <param name="accelerator">The chip.</param>
    /// <param name="model">The model served.</param>
    /// <param name="acceleratorsPerReplica">Chips that one replica spans.</param>
    /// <param name="calibration">How far it stays behind the peaks; the default calibration when null.</param>
    /// <exception cref="ArgumentException">The replica cannot work; the message names every reason and what to change.
    /// </exception>
    public static EngineParameters For(
        Accelerator accelerator,
        ModelConfig model,
        int acceleratorsPerReplica,
        EngineCalibration? calibration = null)
    {
        EngineCalibration c = calibration ?? EngineCalibration.Default;
        int n = acceleratorsPerReplica;
        double parameters = (double)model.ParametersBillion.High * 1e9;
        double active = (double)(model.ActiveParametersBillion ?? model.ParametersBillion).High * 1e9;
        double bytes = model.BytesPerWeight;
        var problems = new List<string>();
        Require(problems, n >= 1, $"accelerators_per_replica is {n}: give at least 1.");
        Require(problems, parameters > 0, $"parameters_billion of {model.Id} must be more than 0.");
        Require(problems, active > 0 && active <= parameters,
            $"active_parameters_billion of {model.Id} must be more than 0 and at most parameters_billion.");
        Require(problems, bytes > 0, $"bytes_per_weight of {model.Id} must be more than 0.");
        ThrowIf(problems);

        double layers = Math.Cbrt(active / (12 * AspectRatio * AspectRatio));
        double width = AspectRatio * layers;
        double kvBytes = model.KvBytesPerToken is { } kv ? (double)kv.High : 4096 * layers;
        double weightBytes = parameters * bytes;
        double memoryBytes = accelerator.HbmGb.Value * 1e9 * n * c.MemoryShare;
        double blocks = Math.Floor((memoryBytes - weightBytes) / (kvBytes * BlockTokens));
        int least = BlocksFor(model.ContextTokens);
        if (weightBytes > memoryBytes)
        {
            int enough = (int)Math.Ceiling(weightBytes / (accelerator.HbmGb.Value * 1e9 * c.MemoryShare));
            problems.Add($"The weights of {model.Id} ({weightBytes / 1e9:0.#} GB) do not fit {n} x {accelerator.Name} "
                + $"({memoryBytes / 1e9:0.#} GB usable): raise accelerators_per_replica to {enough} or more, or lower "
                + "bytes_per_weight.");
        }
        else if (blocks < least)
        {
            double room = Math.Max(0, blocks) * BlockTokens;
            problems.Add($"After its weights {n} x {accelerator.Name} has room for {room:0} tokens of KV cache, "
                + $"less than context_tokens of {model.Id} ({model.ContextTokens}): raise "
                + "accelerators_per_replica, or lower context_tokens, bytes_per_weight or kv_bytes_per_token.");
        }

        ThrowIf(problems);
        double flops = accelerator.TflopsFor(bytes) * 1e12 * n
            * (bytes <= 0.5 && accelerator.Fp4Tflops is not null ? c.Fp4ComputeEfficiency : c.ComputeEfficiency);
        double bandwidth = accelerator.HbmTbPerS.Value * 1e12 * n * c.BandwidthEfficiency;
        double link = (accelerator.ScaleUpGbPerS?.Value ?? c.AssumedScaleUpGbPerS) * 1e9 * c.InterconnectEfficiency;

        // Two all-reduces of one BF16 activation vector per layer, each moving 2 (n - 1) / n of it.
        double communication = n == 1 ? 0 : 2 * layers * width * 2 * 2 * (n - 1) / n / link;
        return new EngineParameters
        {
            ContextTokens = model.ContextTokens,
            KvBlocks = (int)Math.Min(blocks, MaxKvBlocks),
            StepOverheadPs = Ps((c.StepOverheadUs + (n > 1 ? c.ParallelOverheadUs : 0)) * 1e-6),
            SequencePs = Ps(c.SequenceOverheadUs * 1e-6),
            WeightsReadPs = Ps(weightBytes / bandwidth),
            ActiveShare = active / parameters,
            TokenComputePs = Ps(2 * active / flops),
            TokenCommunicationPs = Ps(communication),
            KvReadPs = Ps(kvBytes / bandwidth),
            AttentionPairPs = Ps(4 * layers * width / flops),
        };
    }

    /// <summary>KV blocks that hold a number of tokens.</summary>
    public static int BlocksFor(int tokens) => (tokens + BlockTokens - 1) / BlockTokens;

    /// <summary>
    /// Time of one step, in picoseconds.
    /// </summary>
    /// <param name="sequences">Sequences that take part.</param>
    /// <param name="tokens">Tokens computed, decode and prefill together.</param>
    /// <param name="kvTokens">Tokens whose keys and values the decoding sequences read.</param>
    /// <param name="attentionPairs">Pairs of prompt tokens that the prefills attend.</param>
    public long StepPs(int sequences, int tokens, long kvTokens, long attentionPairs)
    {
        double touched = ActiveShare >= 1 ? 1 : 1 - Math.Pow(1 - ActiveShare, tokens);
        long weights = (long)(WeightsReadPs * touched);
        return checked(StepOverheadPs + SequencePs * sequences + Math.Max(weights, TokenComputePs * tokens)
            + TokenCommunicationPs * tokens + KvReadPs * kvTokens + AttentionPairPs * attentionPairs);
    }

    /// <summary>Checks the parameters.</summary>
    /// <exception cref="ArgumentException">Some are out of range; the message names them all.</exception>
    public void Validate()
    {
        var problems = new List<string>();
        Require(problems, ContextTokens >= 1, "ContextTokens must be at least 1.");
        Require(problems, KvBlocks is >= 1 and <= MaxKvBlocks, $"KvBlocks must be 1 to {MaxKvBlocks}.");
        Require(problems, (long)KvBlocks * BlockTokens >= ContextTokens,
            $"KvBlocks ({KvBlocks}) must hold ContextTokens ({ContextTokens}) at {BlockTokens} tokens a block.");
        Require(problems, MaxSequences is >= 1 and <= 65_536, "MaxSequences must be 1 to 65,536.");
        Require(problems, MaxTokensPerStep >= MaxSequences && MaxTokensPerStep <= 1_000_000,
            "MaxTokensPerStep must be at least MaxSequences and at most 1,000,000.");
        Require(problems, StepOverheadPs is >= 1 and <= MaxTermPs, "StepOverheadPs must be 1 ps to 100 s.");
        Require(problems, WeightsReadPs is >= 0 and <= MaxTermPs, "WeightsReadPs must be 0 to 100 s.");
        Require(problems, ActiveShare is > 0 and <= 1, "ActiveShare must be more than 0 and at most 1.");
        Require(problems, SequencePs >= 0 && TokenComputePs >= 0 && TokenCommunicationPs >= 0 && KvReadPs >= 0
            && AttentionPairPs >= 0, "Times must not be negative.");
        ThrowIf(problems);
    }

    private const double AspectRatio = 115;
    private const int MaxKvBlocks = 100_000_000;
    private const long MaxTermPs = 100_000_000_000_000;

    private static long Ps(double seconds) => (long)Math.Round(seconds * 1e12);

    private static void Require(List<string> problems, bool holds, string problem)
    {
        if (!holds)
        {
            problems.Add(problem);
        }
    }

    private static void ThrowIf(List<string> problems)
    {
        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join(" ", problems));
        }
    }
}

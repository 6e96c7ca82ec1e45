using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Engine;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Engine;

public sealed class EngineParametersTests
{
    private static readonly Accelerator H100 = AcceleratorCatalogue.BuiltIn.Find("H100-SXM")!;

    private static ModelConfig Model(decimal billion, double bytes = 1, int context = 32_768) => new()
    {
        Id = "m",
        ContextTokens = context,
        MaxOutputTokens = context,
        ParametersBillion = Figure.Of(billion),
        BytesPerWeight = bytes,
    };

    [Fact]
    public void Weights_that_do_not_fit_are_refused_with_the_number_of_chips_that_would_do()
    {
        ArgumentException refused =
            Assert.Throws<ArgumentException>(() => EngineParameters.For(H100, Model(405, 2), 8));

        Assert.Contains("810 GB", refused.Message, StringComparison.Ordinal);
        Assert.Contains("accelerators_per_replica to 12", refused.Message, StringComparison.Ordinal);
        Assert.NotNull(EngineParameters.For(H100, Model(405, 2), 16));
    }

    [Fact]
    public void A_context_window_without_room_is_refused()
    {
        ArgumentException refused =
            Assert.Throws<ArgumentException>(() => EngineParameters.For(H100, Model(70, 1, 131_072), 1));

        Assert.Contains("context_tokens", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_problem_is_told_at_once()
    {
        ArgumentException refused =
            Assert.Throws<ArgumentException>(() => EngineParameters.For(H100, Model(0), 0));

        Assert.Contains("accelerators_per_replica", refused.Message, StringComparison.Ordinal);
        Assert.Contains("parameters_billion", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_is_bound_by_bandwidth_and_prefill_by_compute()
    {
        EngineParameters p = EngineParameters.For(H100, Model(70), 8);

        long one = p.StepPs(1, 1, 1000, 0);
        long sixteen = p.StepPs(16, 16, 16_000, 0);
        long prompt = p.StepPs(1, 8192, 0, 8192L * 8193 / 2);

        Assert.InRange((double)sixteen / one, 1.0, 1.2);
        Assert.True(prompt > 2 * p.WeightsReadPs);
        Assert.True((p.TokenComputePs + p.TokenCommunicationPs) * 8192 > prompt * 9 / 10);
    }

    [Fact]
    public void A_batch_of_experts_reads_more_weights_than_one_token()
    {
        ModelConfig mixture = Model(671) with { ActiveParametersBillion = Figure.Of(37) };
        EngineParameters p = EngineParameters.For(H100, mixture, 16);

        Assert.True(p.StepPs(0, 1, 0, 0) - p.StepOverheadPs < p.WeightsReadPs / 10);
        Assert.True(p.StepPs(0, 64, 0, 0) - p.StepOverheadPs > p.WeightsReadPs * 9 / 10);
    }

    [Fact]
    public void Parameters_out_of_range_are_refused_by_name()
    {
        EngineParameters p = EngineParameters.For(H100, Model(70), 8) with { KvBlocks = 1, ActiveShare = 0 };

        ArgumentException refused = Assert.Throws<ArgumentException>(() => new EngineModel(p));

        Assert.Contains("KvBlocks", refused.Message, StringComparison.Ordinal);
        Assert.Contains("ActiveShare", refused.Message, StringComparison.Ordinal);
    }
}

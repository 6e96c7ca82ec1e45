using Forebay.Simulation.Replay;
using Forebay.Simulation.Traces;
using Xunit;

namespace Forebay.UnitTests.Simulation.Replay;

public sealed class ModelMixTests
{
    [Fact]
    public void Models_are_picked_as_often_as_their_weights_say()
    {
        var mix = ModelMix.Parse(["a=3", "vendor/b:latest", "c=0.5"]);
        var draw = new SplitMix64(1, 1);
        var counts = new Dictionary<string, int> { ["a"] = 0, ["vendor/b:latest"] = 0, ["c"] = 0 };
        for (int i = 0; i < 45_000; i++)
        {
            counts[mix.Pick(draw.NextDouble())]++;
        }

        Assert.InRange(counts["a"], 29_400, 30_600);
        Assert.InRange(counts["vendor/b:latest"], 9_500, 10_500);
        Assert.InRange(counts["c"], 4_600, 5_400);
    }

    [Fact]
    public void Every_wrong_entry_is_named()
    {
        FormatException e = Assert.Throws<FormatException>(() => ModelMix.Parse(["a=0", "ok", "=2", "b=x"]));

        Assert.Contains("'a=0'", e.Message, StringComparison.Ordinal);
        Assert.Contains("'=2'", e.Message, StringComparison.Ordinal);
        Assert.Contains("'b=x'", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("'ok'", e.Message, StringComparison.Ordinal);
    }
}

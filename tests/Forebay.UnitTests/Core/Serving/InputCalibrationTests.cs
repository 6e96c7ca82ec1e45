using Forebay.Core.Serving;
using Xunit;

namespace Forebay.UnitTests.Core.Serving;

public sealed class InputCalibrationTests
{
    [Fact]
    public void Nothing_is_corrected_before_anything_was_seen()
    {
        var calibration = new InputCalibration();

        Assert.Equal(1, calibration.Ratio);
        Assert.Equal([0, 0, 1, 1000], new long[] { -3, 0, 1, 1000 }.Select(calibration.Correct));
    }

    [Theory]
    [InlineData(0.6)]
    [InlineData(1.35)]
    [InlineData(3)]
    public void It_comes_to_the_tokenizers_ratio_under_noise_and_follows_when_that_changes(double ratio)
    {
        var calibration = new InputCalibration();
        var random = new Random(7);

        Feed(calibration, random, ratio, 3_000);
        Assert.InRange(calibration.Ratio, ratio * 0.97, ratio * 1.03);
        Assert.InRange(calibration.Correct(10_000), 10_000 * ratio * 0.97, 10_000 * ratio * 1.03);

        Feed(calibration, random, 1.1, 5_000);
        Assert.InRange(calibration.Ratio, 1.1 * 0.95, 1.1 * 1.05);
    }

    [Fact]
    public void One_prompt_does_not_stand_for_all_however_long()
    {
        var calibration = new InputCalibration();
        Feed(calibration, new Random(3), 1, 2_000);

        Assert.True(calibration.Observe(2_000_000, 6_000_000));

        Assert.InRange(calibration.Ratio, 0.97, 1.1);
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(5, 0)]
    [InlineData(-1, 4)]
    [InlineData(100, 801)]
    [InlineData(801, 100)]
    [InlineData(10, long.MaxValue)]
    [InlineData(long.MaxValue, 10)]
    public void What_cannot_be_is_not_learned_from(long estimated, long told)
    {
        var calibration = new InputCalibration();

        Assert.False(calibration.Observe(estimated, told));

        Assert.Equal(1, calibration.Ratio);
    }

    [Fact]
    public void The_ratio_stays_within_its_bounds_whatever_is_told()
    {
        var random = new Random(11);
        var calibration = new InputCalibration();
        for (int i = 0; i < 20_000; i++)
        {
            _ = calibration.Observe(Any(random), Any(random));
            Assert.InRange(calibration.Ratio, 1 / InputCalibration.MostRatio, InputCalibration.MostRatio);
            Assert.True(calibration.Correct(random.NextInt64()) >= 0);
        }
    }

    private static long Any(Random random) => random.NextInt64(-5, 1L << random.Next(1, 62));

    private static void Feed(InputCalibration calibration, Random random, double ratio, int prompts)
    {
        for (int i = 0; i < prompts; i++)
        {
            long estimated = 50 + random.NextInt64(3_000);
            double noise = 0.8 + 0.4 * random.NextDouble();
            Assert.True(calibration.Observe(estimated, (long)Math.Max(1, estimated * ratio * noise)));
        }
    }
}

using Forebay.Simulation.Replay.Reports;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Simulation.Replay.Reports;

public sealed class LatencyHistogramTests
{
    private static LatencyHistogram Of(IEnumerable<double> times)
    {
        var histogram = new LatencyHistogram();
        foreach (double ms in times)
        {
            histogram.Record(ms);
        }

        return histogram;
    }

    /// <summary>Times over the whole range, as many small as large.</summary>
    private static double[] TimesFrom(NonEmptyArray<uint> raw) =>
        [.. raw.Get.Select(r => LatencyHistogram.SmallestMs * Math.Pow(10, r % 1_000_000 / 1_000_000.0 * 11))];

    [Fact]
    public void Any_percentile_is_within_one_percent_of_the_exact_one()
    {
        Prop.ForAll<NonEmptyArray<uint>, byte>((raw, percent) =>
        {
            double[] times = TimesFrom(raw);
            double share = Math.Max(1, percent % 101) / 100.0;
            double exact = times.Order().ElementAt((int)Math.Ceiling(share * times.Length) - 1);
            double told = Of(times).Percentile(share);
            return Math.Abs(told - exact) <= exact * LatencyHistogram.RelativeError * 1.000001;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Two_histograms_add_up_to_the_histogram_of_both()
    {
        Prop.ForAll<NonEmptyArray<uint>, NonEmptyArray<uint>>((left, right) =>
        {
            double[] a = TimesFrom(left), b = TimesFrom(right);
            LatencyHistogram sum = Of(a), whole = Of(a.Concat(b));
            sum.Add(Of(b));
            return sum.Count == whole.Count && sum.MaxMs == whole.MaxMs
                && sum.Percentile(0.5) == whole.Percentile(0.5) && sum.Percentile(0.99) == whole.Percentile(0.99);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Mean_and_maximum_are_exact()
    {
        LatencyHistogram histogram = Of([1.5, 2.5, 1234.5]);

        Assert.Equal(1238.5 / 3, histogram.MeanMs, 1e-9);
        Assert.Equal(1234.5, histogram.MaxMs);
        Assert.Equal(1234.5, histogram.Percentile(1));
    }

    [Fact]
    public void Times_beyond_the_range_count_at_its_ends()
    {
        LatencyHistogram histogram = Of([0, 1e-9, 1e12]);

        Assert.Equal(3, histogram.Count);
        Assert.Equal(1e12, histogram.MaxMs);
        Assert.InRange(histogram.Percentile(0.5), 0, LatencyHistogram.SmallestMs * 1.01);
    }

    [Fact]
    public void An_empty_histogram_tells_zeros()
    {
        var histogram = new LatencyHistogram();

        Assert.Equal(0, histogram.Percentile(0.99));
        Assert.Equal(0, histogram.MeanMs);
    }

    [Fact]
    public void A_negative_time_is_a_defect_of_the_caller() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new LatencyHistogram().Record(-1));
}

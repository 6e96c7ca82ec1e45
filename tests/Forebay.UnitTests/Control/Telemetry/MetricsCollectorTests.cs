using System.Diagnostics.Metrics;
using Forebay.Control.Telemetry;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Control.Telemetry;

public sealed class MetricsCollectorTests : IDisposable
{
    private readonly Meter _meter = new("Test." + Guid.NewGuid());

    public void Dispose() => _meter.Dispose();

    [Fact]
    public void Counters_gauges_and_histograms_read_as_the_format_asks()
    {
        using MetricsCollector collector = Collect();
        Counter<long> requests = _meter.CreateCounter<long>("app.requests", "{request}", "Requests\nserved \\ \"all\".");
        UpDownCounter<int> open = _meter.CreateUpDownCounter<int>("app.open");
        Histogram<double> seconds = _meter.CreateHistogram(
            "app.time",
            "s",
            "Time taken.",
            tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.5, 1] });
        _meter.CreateObservableGauge("app.used", () => 0.25, "1", "Share used.");

        requests.Add(2, new KeyValuePair<string, object?>("path", "a\\b\"c\nd"), new("code", 200));
        requests.Add(1, new KeyValuePair<string, object?>("code", 200), new("path", "a\\b\"c\nd"));
        open.Add(3);
        open.Add(-1);
        seconds.Record(0.5);
        seconds.Record(0.75);
        seconds.Record(9);
        seconds.Record(double.NaN);

        Assert.Equal(
            """
            # HELP app_open app.open
            # TYPE app_open gauge
            app_open 2
            # HELP app_requests_total Requests\nserved \\ "all".
            # TYPE app_requests_total counter
            app_requests_total{code="200",path="a\\b\"c\nd"} 3
            # HELP app_time_seconds Time taken.
            # TYPE app_time_seconds histogram
            app_time_seconds_bucket{le="0.5"} 1
            app_time_seconds_bucket{le="1"} 2
            app_time_seconds_bucket{le="+Inf"} 3
            app_time_seconds_sum 10.25
            app_time_seconds_count 3
            # HELP app_used_ratio Share used.
            # TYPE app_used_ratio gauge
            app_used_ratio 0.25

            """,
            collector.Collect());
    }

    [Fact]
    public void Totals_are_exact_however_many_threads_record()
    {
        using MetricsCollector collector = Collect();
        Counter<long> whole = _meter.CreateCounter<long>("whole");
        Counter<double> fraction = _meter.CreateCounter<double>("fraction");
        Histogram<long> sizes = _meter.CreateHistogram<long>("sizes");
        const int perThread = 20_000;
        const int threads = 4;

        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, t =>
        {
            for (int i = 0; i < perThread; i++)
            {
                whole.Add(1, new KeyValuePair<string, object?>("n", i % 7));
                fraction.Add(0.5);
                sizes.Record(i % 3);
            }
        });

        string[] lines = collector.Collect().Split('\n');
        Assert.Equal(threads * perThread, lines.Where(l => l.StartsWith("whole_total{", StringComparison.Ordinal))
            .Sum(l => long.Parse(l.Split(' ')[1])));
        Assert.Contains($"fraction_total {threads * perThread / 2}", lines);
        Assert.Contains($"sizes_count {threads * perThread}", lines);
    }

    [Fact]
    public void Series_beyond_the_bound_share_one_called_other()
    {
        using MetricsCollector collector = Collect(maxSeries: 2);
        Counter<long> counter = _meter.CreateCounter<long>("c");

        for (int i = 0; i < 1000; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("id", i));
        }

        Assert.Equal(
            ["c_total{id=\"0\"} 1", "c_total{id=\"1\"} 1", "c_total{id=\"other\"} 998"],
            collector.Collect().Split('\n').Where(l => l.StartsWith("c_total{", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_an_observable_no_longer_reports_is_gone_from_the_next_scrape()
    {
        using MetricsCollector collector = Collect();
        string[] names = ["a", "b"];
        _meter.CreateObservableGauge("g", () => names.Select(n =>
            new Measurement<long>(1, new KeyValuePair<string, object?>("name", n))));

        Assert.Contains("g{name=\"b\"} 1", collector.Collect(), StringComparison.Ordinal);
        names = ["a"];
        string second = collector.Collect();

        Assert.Contains("g{name=\"a\"} 1", second, StringComparison.Ordinal);
        Assert.DoesNotContain("g{name=\"b\"}", second, StringComparison.Ordinal);
    }

    [Fact]
    public void An_observable_that_throws_costs_only_itself()
    {
        using MetricsCollector collector = Collect();
        _meter.CreateObservableGauge("bad", new Func<long>(() => throw new InvalidOperationException("no")));
        _meter.CreateObservableGauge("good", () => 1L);

        Assert.Contains("good 1", collector.Collect(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_already_there_with_another_type_is_left_out()
    {
        using MetricsCollector collector = Collect();
        _meter.CreateUpDownCounter<long>("x_total").Add(1);
        _meter.CreateCounter<long>("x").Add(5);

        string text = collector.Collect();
        Assert.Contains("x_total 1", text, StringComparison.Ordinal);
        Assert.DoesNotContain("x_total 5", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Recording_a_known_tag_set_allocates_nothing()
    {
        using MetricsCollector collector = Collect();
        Counter<long> counter = _meter.CreateCounter<long>("c");
        Histogram<double> histogram = _meter.CreateHistogram<double>("h", "s");
        object status = 200;
        Record(1000);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Record(1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Record(int times)
        {
            for (int i = 0; i < times; i++)
            {
                counter.Add(1, new KeyValuePair<string, object?>("a", "x"), new("b", "y"), new("c", status));
                histogram.Record(0.1, new KeyValuePair<string, object?>("a", "x"), new("b", "y"));
            }
        }
    }

    private MetricsCollector Collect(int maxSeries = 2000) => new(
        new MetricsCollectorOptions { MeterPrefixes = [_meter.Name], Meters = [], MaxSeriesPerMetric = maxSeries },
        NullLogger<MetricsCollector>.Instance);
}

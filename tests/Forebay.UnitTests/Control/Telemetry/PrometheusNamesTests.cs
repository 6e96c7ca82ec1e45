using Forebay.Control.Telemetry;
using Xunit;

namespace Forebay.UnitTests.Control.Telemetry;

public sealed class PrometheusNamesTests
{
    [Theory]
    [InlineData("forebay.requests", "{request}", 0, "forebay_requests_total")]
    [InlineData("forebay.requests_total", null, 0, "forebay_requests_total")]
    [InlineData("dotnet.process.cpu.time", "s", 0, "dotnet_process_cpu_time_seconds_total")]
    [InlineData("forebay.time.seconds", "s", 2, "forebay_time_seconds")]
    [InlineData("dotnet.process.memory.working_set", "By", 1, "dotnet_process_memory_working_set_bytes")]
    [InlineData("link.speed", "By/s", 1, "link_speed_bytes_per_second")]
    [InlineData("hit.rate", "1", 1, "hit_rate_ratio")]
    [InlineData("tokens.rate", "{token}/s", 1, "tokens_rate_per_second")]
    [InlineData("9lives--x", null, 1, "_9lives_x")]
    public void Names_follow_the_rules_for_units_and_counters(string name, string? unit, int kind, string expected) =>
        Assert.Equal(expected, PrometheusNames.Metric(name, unit, (MetricKind)kind));
}

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text;
using Forebay.Core.Fleet;
using Forebay.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Xunit;

namespace Forebay.FunctionalTests.Telemetry;

public sealed class OtlpExportTests
{
    [Fact]
    public void Without_a_collector_nothing_is_exported() =>
        Assert.Null(OtlpExport.Start(new TelemetryConfig(), _ => null));

    [Fact]
    public async Task Metrics_and_traces_reach_the_collector_at_the_latest_on_disposal()
    {
        var received = new ConcurrentDictionary<string, string>();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        await using WebApplication collector = builder.Build();
        collector.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            received[context.Request.Path] = Encoding.Latin1.GetString(body.ToArray());
        });
        await collector.StartAsync();
        var config = new TelemetryConfig { OtlpEndpoint = new Uri(collector.Urls.First()) };
        using var source = new ActivitySource("Forebay.Gateway");
        using var meter = new Meter("Forebay.OtlpExportTests");

        using (OtlpExport? export = OtlpExport.Start(
            config, n => n == "OTEL_EXPORTER_OTLP_PROTOCOL" ? "http/protobuf" : null))
        {
            Assert.NotNull(export);
            meter.CreateCounter<long>("forebay.test.counted").Add(1);
            using Activity? activity = source.StartActivity("forebay-test-span");
        }

        Assert.Contains("forebay.test.counted", received["/v1/metrics"], StringComparison.Ordinal);
        Assert.Contains("forebay-test-span", received["/v1/traces"], StringComparison.Ordinal);
    }
}

using System.Reflection;
using Forebay.Core.Fleet;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Forebay.Telemetry;

/// <summary>
/// Sends metrics and traces to an OTLP collector, only where one is named: by the fleet file
/// (<c>server.telemetry.otlp_endpoint</c>) or by <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, the file first. The other
/// variables of OpenTelemetry hold as well. Disposing sends what is left.
/// </summary>
public sealed class OtlpExport : IDisposable
{
    /// <summary>Environment variable that names the collector.</summary>
    public const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private const string ProtocolVariable = "OTEL_EXPORTER_OTLP_PROTOCOL";
    private const int HttpPort = 4318;

    private readonly MeterProvider _metrics;
    private readonly TracerProvider _traces;

    private OtlpExport(Uri? configured, Func<string, string?> environment)
    {
        ResourceBuilder resource = ResourceBuilder.CreateDefault().AddService(
            "forebay",
            serviceVersion: typeof(OtlpExport).Assembly
                .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion);
        _metrics = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter("Forebay.*", "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel")
            .AddOtlpExporter(o => Configure(o, configured, environment, "v1/metrics"))
            .Build();
        _traces = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource("Forebay.Gateway")
            .AddOtlpExporter(o => Configure(o, configured, environment, "v1/traces"))
            .Build();
    }

    /// <summary>Starts exporting; null where no collector is named.</summary>
    /// <param name="config">From the fleet file.</param>
    /// <param name="environment">Reads an environment variable.</param>
    public static OtlpExport? Start(TelemetryConfig config, Func<string, string?> environment) =>
        config.OtlpEndpoint is null && string.IsNullOrWhiteSpace(environment(EndpointVariable))
            ? null
            : new OtlpExport(config.OtlpEndpoint, environment);

    public void Dispose()
    {
        _traces.Dispose();
        _metrics.Dispose();
    }

    private static void Configure(
        OtlpExporterOptions options,
        Uri? configured,
        Func<string, string?> environment,
        string signalPath)
    {
        if (configured is null)
        {
            // The exporter reads the environment itself, protocol and paths included.
            return;
        }

        options.Protocol = environment(ProtocolVariable) switch
        {
            "http/protobuf" => OtlpExportProtocol.HttpProtobuf,
            "grpc" => OtlpExportProtocol.Grpc,
            _ => configured.Port == HttpPort ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc,
        };

        // Over HTTP each signal has a path of its own; the exporter adds it only to addresses from the environment.
        options.Endpoint = options.Protocol == OtlpExportProtocol.HttpProtobuf
            ? new Uri(configured.AbsoluteUri.TrimEnd('/') + "/" + signalPath)
            : configured;
    }
}

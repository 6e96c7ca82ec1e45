using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Engine;
using Forebay.Emulator;
using Xunit;

namespace Forebay.FunctionalTests.Emulator;

/// <summary>An emulator with a fast engine (a thousand times real time) and one in real time, and a client.</summary>
public sealed class EmulatorFixture : IAsyncLifetime
{
    public const string Model = "m-70b";

    private EmulatorHost? _fast;
    private EmulatorHost? _slow;

    public HttpClient Http { get; } = new(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero });

    public Uri Fast => _fast!.Endpoints["fast"];

    public Uri Faulty => _fast!.Endpoints["faulty"];

    public Uri AnthropicOnly => _fast!.Endpoints["anthropic-only"];

    public Uri Slow => _slow!.Endpoints["slow"];

    public static EngineParameters Parameters => EngineParameters.For(
        AcceleratorCatalogue.BuiltIn.Find("H100-SXM")!,
        new ModelConfig
        {
            Id = Model, ContextTokens = 32_768, MaxOutputTokens = 8192, ParametersBillion = Figure.Of(70),
        },
        8);

    public static EmulatorSpec Spec(double timeScale, params string[] ids) => new()
    {
        TimeScale = timeScale,
        Deployments = [.. ids.Select(id => new EmulatedDeploymentSpec { Id = id, Model = Model, Engine = Parameters })],
    };

    public async ValueTask InitializeAsync()
    {
        EmulatorSpec spec = Spec(1000, "fast", "faulty", "anthropic-only");
        spec = spec with
        {
            Deployments =
            [
                spec.Deployments[0],
                spec.Deployments[1] with { Faults = ["503@0.5"] },
                spec.Deployments[2] with { Dialects = [Dialect.Anthropic], Replicas = 3 },
            ],
        };
        _fast = await EmulatorHost.StartAsync(spec, TimeProvider.System, CancellationToken.None);
        _slow = await EmulatorHost.StartAsync(Spec(1, "slow"), TimeProvider.System, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _fast!.DisposeAsync();
        await _slow!.DisposeAsync();
    }

    /// <summary>Posts JSON and returns once the headers are there.</summary>
    public Task<HttpResponseMessage> PostAsync(
        Uri server, string path, string json, string? fault = null, int? tokens = null,
        CancellationToken cancellation = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server, path))
        {
            Content = new StringContent(json, Encoding.UTF8, new MediaTypeHeaderValue("application/json")),
        };
        if (fault is not null)
        {
            request.Headers.Add("x-emulator-fault", fault);
        }

        if (tokens is not null)
        {
            request.Headers.Add("x-emulator-output-tokens", tokens.Value.ToString());
        }

        return Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
    }

    public static async Task<JsonElement> JsonOf(HttpResponseMessage response)
    {
        using JsonDocument document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync());
        return document.RootElement.Clone();
    }

    /// <summary>The events of a finished stream: name (empty for none) and data.</summary>
    public static async Task<List<(string Name, string Data)>> EventsOf(HttpResponseMessage response)
    {
        var events = new List<(string, string)>();
        foreach (string block in (await response.Content.ReadAsStringAsync()).Split("\n\n"))
        {
            string[] lines = block.Split('\n');
            string name = lines.FirstOrDefault(l => l.StartsWith("event: ", StringComparison.Ordinal))?[7..] ?? "";
            string? data = lines.FirstOrDefault(l => l.StartsWith("data: ", StringComparison.Ordinal))?[6..];
            if (data is not null)
            {
                events.Add((name, data));
            }
        }

        return events;
    }

    /// <summary>One sample of the metrics page, summed over engines.</summary>
    public async Task<double> MetricAsync(Uri server, string name)
    {
        string page = await Http.GetStringAsync(new Uri(server, "/metrics"));
        return page.Split('\n').Where(l => l.StartsWith(name + "{", StringComparison.Ordinal))
            .Sum(l => double.Parse(l[(l.LastIndexOf(' ') + 1)..]));
    }

    public static string Messages(string text, bool stream = false, string more = "") =>
        $$"""
        {"model":"{{Model}}","max_tokens":4096,"stream":{{(stream ? "true" : "false")}},
         "messages":[{"role":"user","content":{{JsonSerializer.Serialize(text)}} }]{{more}} }
        """;
}

[CollectionDefinition(nameof(EmulatorFixture))]
public sealed class EmulatorCollection : ICollectionFixture<EmulatorFixture>;

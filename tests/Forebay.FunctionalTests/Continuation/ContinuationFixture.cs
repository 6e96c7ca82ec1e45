using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Emulator;
using Forebay.FunctionalTests.Emulator;
using Forebay.FunctionalTests.Gateway;

namespace Forebay.FunctionalTests.Continuation;

/// <summary>A gateway over emulated engines of which some cut their streams, each after as many events as the test
/// says.</summary>
public sealed class ContinuationFixture : IAsyncDisposable
{
    private const string UpstreamModel = "upstream-model";

    private readonly EmulatorHost _emulator;

    private ContinuationFixture(EmulatorHost emulator, GatewayHarness gateway)
    {
        _emulator = emulator;
        Gateway = gateway;
    }

    public GatewayHarness Gateway { get; }

    /// <summary>The engine that cuts nothing, to compare with.</summary>
    public Uri Whole => _emulator.Endpoints["whole"];

    /// <summary>Starts one deployment per fault, and one without any; requests begin at the first.</summary>
    public static Task<ContinuationFixture> StartAsync(
        ContinuationManner manner, string[] faults, Func<FleetConfig, FleetConfig>? change = null) =>
        StartAsync(manner, faults, null, change);

    /// <summary>The same behind TLS, where clients may speak HTTP/2.</summary>
    public static async Task<ContinuationFixture> StartAsync(
        ContinuationManner manner,
        string[] faults,
        X509Certificate2? certificate,
        Func<FleetConfig, FleetConfig>? change = null)
    {
        EmulatorSpec spec = EmulatorFixture.Spec(10_000, [.. faults.Select((_, i) => $"e{i}"), "whole"]);
        spec = spec with
        {
            Deployments =
            [
                .. spec.Deployments.Select((d, i) => d with
                {
                    Model = UpstreamModel, Faults = i < faults.Length && faults[i].Length > 0 ? [faults[i]] : [],
                }),
            ],
        };
        EmulatorHost emulator = await EmulatorHost.StartAsync(spec, TimeProvider.System, CancellationToken.None);
        Uri[] engines = [.. spec.Deployments.Select(d => emulator.Endpoints[d.Id])];
        FleetConfig Fleet(FleetConfig c)
        {
            c = InOrder(c with { Models = [c.Models[0] with { Continuation = manner }] });
            return change?.Invoke(c) ?? c;
        }

        GatewayHarness gateway = certificate is null
            ? await GatewayHarness.StartAsync(engines, Fleet)
            : await GatewayHarness.StartTlsAsync(engines, certificate, Fleet);
        return new ContinuationFixture(emulator, gateway);
    }

    /// <summary>Reads a stream whole: its text, what it reported and its events.</summary>
    public static async Task<StreamedText> ReadAsync(HttpResponseMessage response) =>
        StreamedText.Of(await response.Content.ReadAsStringAsync());

    /// <summary>Makes each deployment's output a dollar dearer than the one before it, so that they are tried in their
    /// order.</summary>
    internal static FleetConfig InOrder(FleetConfig config) => config with
    {
        Deployments =
        [
            .. config.Deployments.Select((d, i) => d with { Cost = [new PriceConfig { Input = 1, Output = 5 + i }] }),
        ],
    };

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, int? tokens = null)
    {
        if (tokens is not null)
        {
            request.Headers.Add("x-emulator-output-tokens", tokens.Value.ToString());
        }

        return Gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>The same request at the engine that cuts nothing.</summary>
    public async Task<StreamedText> UninterruptedAsync(HttpRequestMessage request, int? tokens = null)
    {
        using var client = new HttpClient { BaseAddress = Whole };
        string body = (await request.Content!.ReadAsStringAsync()).Replace(
            $"\"{GatewayHarness.Model}\"", $"\"{UpstreamModel}\"", StringComparison.Ordinal);
        using var direct = new HttpRequestMessage(HttpMethod.Post, request.RequestUri)
        {
            Content = new StringContent(body, new MediaTypeHeaderValue("application/json")),
        };
        if (tokens is not null)
        {
            direct.Headers.Add("x-emulator-output-tokens", tokens.Value.ToString());
        }

        using HttpResponseMessage response = await client.SendAsync(direct);
        return await ReadAsync(response);
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await _emulator.DisposeAsync();
    }
}

/// <summary>What a client makes of a stream.</summary>
public sealed class StreamedText
{
    public required string Raw { get; init; }

    public string Text { get; private set; } = "";

    /// <summary>Types of events, or of chunks: role, text, stop, usage, [DONE].</summary>
    public List<string> Kinds { get; } = [];

    /// <summary>Ids that events carry.</summary>
    public HashSet<string> Ids { get; } = [];

    public HashSet<string> Models { get; } = [];

    public string? Stop { get; private set; }

    public JsonElement? Usage { get; private set; }

    public bool HasError => Kinds.Contains("error");

    public long Tokens(string name) => Usage!.Value.GetProperty(name).GetInt64();

    /// <summary>Reads a stream's events.</summary>
    public static StreamedText Of(string raw)
    {
        var read = new StreamedText { Raw = raw };
        foreach (string block in raw.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            string? data = block.Split('\n').FirstOrDefault(l => l.StartsWith("data: ", StringComparison.Ordinal))?[6..];
            if (data is null)
            {
                continue;
            }

            if (data == "[DONE]")
            {
                read.Kinds.Add(data);
                continue;
            }

            using JsonDocument json = JsonDocument.Parse(data);
            read.Take(json.RootElement);
        }

        return read;
    }

    private void Take(JsonElement data)
    {
        if (data.TryGetProperty("choices", out JsonElement choices))
        {
            TakeChunk(data, choices);
            return;
        }

        string kind = data.TryGetProperty("type", out JsonElement type) ? type.GetString()! : "error";
        if (data.TryGetProperty("error", out _))
        {
            kind = "error";
        }

        if (kind != "ping")
        {
            Kinds.Add(kind);
        }

        if (kind == "message_start")
        {
            Ids.Add(data.GetProperty("message").GetProperty("id").GetString()!);
            Models.Add(data.GetProperty("message").GetProperty("model").GetString()!);
        }
        else if (kind == "content_block_delta")
        {
            Text += data.GetProperty("delta").GetProperty("text").GetString();
        }
        else if (kind == "message_delta")
        {
            Stop = data.GetProperty("delta").GetProperty("stop_reason").GetString();
            Usage = data.GetProperty("usage").Clone();
        }
    }

    private void TakeChunk(JsonElement data, JsonElement choices)
    {
        Ids.Add(data.GetProperty("id").GetString()!);
        Models.Add(data.GetProperty("model").GetString()!);
        if (choices.GetArrayLength() == 0)
        {
            Usage = data.GetProperty("usage").Clone();
            Kinds.Add("usage");
            return;
        }

        JsonElement delta = choices[0].GetProperty("delta");
        string text = delta.TryGetProperty("content", out JsonElement content) ? content.GetString() ?? "" : "";
        Text += text;
        if (choices[0].GetProperty("finish_reason").GetString() is { } stop)
        {
            Stop = stop;
            Kinds.Add("stop");
        }
        else
        {
            Kinds.Add(delta.TryGetProperty("role", out _) ? "role" : "text");
        }
    }
}

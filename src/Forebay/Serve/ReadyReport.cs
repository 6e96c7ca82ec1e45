using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Storage.Data;

namespace Forebay.Serve;

/// <summary>The one JSON line that <c>--json</c> prints when ready.</summary>
public sealed record ReadyLine(string BaseUrl, string AdminUrl, string? ApiKey, string AdminToken);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ReadyLine))]
internal sealed partial class ReadyJson : JsonSerializerContext;

/// <summary>What a server says once it serves: what is behind it, how to call it, what to try next.</summary>
public static class ReadyReport
{
    public static string Json(ForebayServer server) => JsonSerializer.Serialize(
        new ReadyLine(Plain(server.BaseUrl), Plain(server.AdminUrl), server.FreshKey, server.AdminToken),
        ReadyJson.Default.ReadyLine);

    public static string Text(ForebayServer server, bool emulated)
    {
        FleetModel model = server.State.Model;
        int[] inFlight = [.. model.Deployments.Select(d => server.State.Of(d).InFlight)];
        var summary = FleetSummary.Of(model, inFlight);
        var text = new StringBuilder();
        text.AppendLine();
        text.AppendLine($"  Forebay is ready: {FleetLines.Counts(summary)}");
        text.AppendLine($"  {FleetLines.Headroom(summary)}");
        text.AppendLine($"  {FleetLines.Survival(summary)}");
        if (emulated && summary.ServedByBacking[Backing.Emulated] > 0)
        {
            text.AppendLine("  Emulated engines answer with text that means nothing, at the pace of the real chips.");
        }

        if (server.RecoveredInterrupted > 0)
        {
            text.AppendLine(
                $"  {server.RecoveredInterrupted} requests were cut off when the last process died; all are in usage.");
        }

        string url = Plain(server.BaseUrl);
        text.AppendLine();
        text.AppendLine($"  API          {url}");
        text.AppendLine($"  Admin        {Plain(server.AdminUrl)}");
        if (server.FreshKey is { } key)
        {
            text.AppendLine($"  API key      {key}   (shown once)");
        }

        text.AppendLine($"  Admin token  {server.AdminToken}");
        if (server.FreshKey is null && model.Tenants.FirstOrDefault() is { } tenant)
        {
            text.AppendLine($"  API key      make one: ./forebay key create --tenant {tenant.Id} --name mine");
        }

        AppendCalls(text, model, url, server.FreshKey ?? "YOUR_KEY");
        return text.ToString();
    }

    private static void AppendCalls(StringBuilder text, FleetModel model, string url, string key)
    {
        ServedModel? served = model.Models.FirstOrDefault(m => !m.Deployments.IsEmpty);
        if (served is null)
        {
            text.AppendLine();
            text.AppendLine("  Nothing is served yet: no deployment has an endpoint. Add one to the fleet file.");
            return;
        }

        text.AppendLine();
        text.AppendLine("  Call it as Anthropic does:");
        text.AppendLine($"    curl -sN {url}/v1/messages -H 'x-api-key: {key}' " +
            "-H 'anthropic-version: 2023-06-01' " +
            $"-d '{{\"model\":\"{served.Id}\",\"max_tokens\":64,\"stream\":true,\"messages\":[{{" +
            "\"role\":\"user\",\"content\":\"Hello\"}]}'");
        text.AppendLine("  or as OpenAI does:");
        text.AppendLine($"    curl -sN {url}/v1/chat/completions -H 'Authorization: Bearer {key}' " +
            $"-d '{{\"model\":\"{served.Id}\",\"stream\":true,\"messages\":[{{\"role\":\"user\"," +
            "\"content\":\"Hello\"}]}'");
        text.AppendLine("  Point an Anthropic client here:");
        text.AppendLine($"    export ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY={key}");
        text.AppendLine();
        text.AppendLine("  Try next, in another terminal:");
        text.AppendLine("    ./forebay status                         what the fleet is doing");
        text.AppendLine("    ./forebay replay --workload code --speed 10 --limit 300");
        text.AppendLine("                                             two minutes of an editor's traffic, in 12 s");
        text.AppendLine("    ./forebay usage --by tenant,model        what was used, to the token");
        text.AppendLine("    ./forebay up --upstream http://127.0.0.1:8000    your own vLLM or Ollama in the pool");
        text.AppendLine("  Ctrl-C drains and stops.");
    }

    /// <summary>A URL as people paste it here: no slash at the end, and an address that can be called.</summary>
    private static string Plain(Uri url) => ServerInfo.FromHere(url).AbsoluteUri.TrimEnd('/');
}

using System.Text.Json;
using Forebay.Protocols;
using Forebay.TestKit.Providers.Scenes;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Forebay.TestKit.Providers;

/// <summary>One vendor's API on the wire: where it is called, how it is called, what it refuses, how it answers.</summary>
public abstract class ProviderShape
{
    /// <summary>What the vendor's API is called in test names.</summary>
    public abstract string Name { get; }

    /// <summary>The dialect of bodies and events.</summary>
    public abstract WireDialect Dialect { get; }

    /// <summary>Understands a call by its path; null where nothing is at that path.</summary>
    public abstract ProviderCall? Read(ReceivedRequest request, JsonElement body);

    /// <summary>What is wrong with a call, as this vendor sees it; null for nothing.</summary>
    public abstract ProviderRefusal? Check(ProviderCall call);

    /// <summary>The vendor's error envelope.</summary>
    public abstract string ErrorBody(ProviderRefusal refusal);

    /// <summary>Says with headers what kind of error it is, where this vendor does.</summary>
    public virtual void AddErrorHeaders(HttpResponse response, ProviderRefusal refusal)
    {
    }

    /// <summary>The answer to a count of tokens.</summary>
    public virtual string Counted(int tokens) => $$"""{"input_tokens":{{tokens}}}""";

    /// <summary>What this vendor says of its account's limits with every answer.</summary>
    public virtual IReadOnlyDictionary<string, string> Headers { get; } = new Dictionary<string, string>();

    /// <summary>The events of a streamed answer, whole ones, ready for the wire.</summary>
    public virtual IReadOnlyList<string> Events(Scene scene, ProviderCall call) =>
        Dialect == WireDialect.Anthropic ? [.. scene.AnthropicEvents(call.Model).Select(Event)]
            : [.. scene.OpenAiChunks(call.Model, IncludesUsage(call)).Select(Event), "data: [DONE]\n\n"];

    /// <summary>The whole answer.</summary>
    public virtual string Answer(Scene scene, ProviderCall call) =>
        Dialect == WireDialect.Anthropic ? scene.AnthropicMessage(call.Model) : scene.OpenAiCompletion(call.Model);

    /// <summary>One event's JSON as this vendor frames it.</summary>
    public virtual string Event(string json)
    {
        if (Dialect != WireDialect.Anthropic)
        {
            return $"data: {json}\n\n";
        }

        using JsonDocument parsed = JsonDocument.Parse(json);
        return Answers.Named(parsed.RootElement.GetProperty("type").GetString()!, json);
    }

    /// <summary>Sends a stream.</summary>
    public virtual Task StreamAsync(HttpContext http, IEnumerable<string> events) =>
        ScriptedUpstream.StreamAsync(http, events);

    /// <summary>The first member that must not be there, or null.</summary>
    protected static string? FirstOf(JsonElement body, params ReadOnlySpan<string> members)
    {
        foreach (string member in members)
        {
            if (body.TryGetProperty(member, out _))
            {
                return member;
            }
        }

        return null;
    }

    /// <summary>The first header that must not be there, or null.</summary>
    protected static string? FirstHeaderOf(ProviderCall call, params ReadOnlySpan<string> headers)
    {
        foreach (string header in headers)
        {
            if (call.Header(header) is not null)
            {
                return header;
            }
        }

        return null;
    }

    protected static bool IsStream(JsonElement body) =>
        body.ValueKind == JsonValueKind.Object
        && body.TryGetProperty("stream", out JsonElement stream) && stream.ValueKind == JsonValueKind.True;

    protected static string ModelOf(JsonElement body) =>
        body.ValueKind == JsonValueKind.Object
        && body.TryGetProperty("model", out JsonElement model) && model.ValueKind == JsonValueKind.String
            ? model.GetString()!
            : "";

    private static bool IncludesUsage(ProviderCall call) =>
        call.Body.TryGetProperty("stream_options", out JsonElement options)
        && options.TryGetProperty("include_usage", out JsonElement usage)
        && usage.ValueKind == JsonValueKind.True;
}

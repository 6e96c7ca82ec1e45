using System.Collections.Concurrent;
using System.Text.Json;
using Forebay.TestKit.Providers.Scenes;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Forebay.TestKit.Providers;

/// <summary>
/// A provider on a real socket: it checks what it is sent as the vendor does (path, credential, version, required and
/// forbidden members), refuses what is wrong in the vendor's own words and remembers that it did, and otherwise plays a
/// scene, or the faults that the test asked for.
/// </summary>
public sealed class ScriptedProvider : IAsyncDisposable
{
    private readonly ConcurrentQueue<ProviderCall> _calls = new();
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly Lock _lock = new();
    private readonly Queue<ProviderFault> _once = new();
    private ScriptedUpstream _upstream = null!;
    private ProviderFault? _always;

    private ScriptedProvider(ProviderShape shape) => Shape = shape;

    public ProviderShape Shape { get; }

    public Uri Address => _upstream.Address;

    /// <summary>What is answered next, and from then on.</summary>
    public Scene Scene { get; set; } = Scene.Text;

    /// <summary>Every call that was understood, refused ones and those that met a fault included.</summary>
    public IReadOnlyList<ProviderCall> Calls => [.. _calls];

    /// <summary>What was wrong with the calls so far, as the vendor sees it. Faults are none.</summary>
    public IReadOnlyList<string> Complaints => [.. _complaints];

    public static async Task<ScriptedProvider> StartAsync(ProviderShape shape, int port = 0)
    {
        var provider = new ScriptedProvider(shape);
        provider._upstream = await ScriptedUpstream.StartAsync(provider.AnswerAsync, port: port);
        return provider;
    }

    /// <summary>Lets the next calls meet these faults, one each.</summary>
    public void FailNext(params ReadOnlySpan<ProviderFault> faults)
    {
        lock (_lock)
        {
            foreach (ProviderFault fault in faults)
            {
                _once.Enqueue(fault);
            }
        }
    }

    /// <summary>Lets every call meet a fault from now on; null for none.</summary>
    public void FailAlways(ProviderFault? fault)
    {
        lock (_lock)
        {
            _always = fault;
        }
    }

    /// <summary>Forgets scene, faults, calls and complaints.</summary>
    public void Reset()
    {
        lock (_lock)
        {
            _once.Clear();
            _always = null;
        }

        Scene = Scene.Text;
        _calls.Clear();
        _complaints.Clear();
    }

    public ValueTask DisposeAsync() => _upstream.DisposeAsync();

    private async Task AnswerAsync(HttpContext http, ReceivedRequest request)
    {
        foreach ((string name, string value) in Shape.Headers)
        {
            http.Response.Headers[name] = value;
        }

        JsonElement body;
        try
        {
            body = JsonElement.Parse(request.Body.Length == 0 ? "{}"u8 : request.Body);
        }
        catch (JsonException)
        {
            await RefuseAsync(http, request, ProviderRefusal.Invalid("The body is not JSON."));
            return;
        }

        if (Shape.Read(request, body) is not { } call)
        {
            await RefuseAsync(http, request, ProviderRefusal.NotFound("Nothing is at this path."));
            return;
        }

        _calls.Enqueue(call);
        if (Shape.Check(call) is { } refusal)
        {
            await RefuseAsync(http, request, refusal);
        }
        else if (NextFault() is { } fault)
        {
            await new FaultPlayer(Shape, Scene, http, call, request).PlayAsync(fault);
        }
        else if (call.Operation == ProviderOperation.CountTokens)
        {
            await ScriptedUpstream.JsonAsync(http, 200, Shape.Counted(Scene.CountedTokens));
        }
        else if (call.Stream)
        {
            await Shape.StreamAsync(http, Shape.Events(Scene, call));
        }
        else
        {
            await ScriptedUpstream.JsonAsync(http, 200, Shape.Answer(Scene, call));
        }
    }

    private Task RefuseAsync(HttpContext http, ReceivedRequest request, ProviderRefusal refusal)
    {
        _complaints.Enqueue($"{request.Method} {request.Path}{request.Query}: {refusal.Status} {refusal.Message}");
        Shape.AddErrorHeaders(http.Response, refusal);
        return ScriptedUpstream.JsonAsync(http, refusal.Status, Shape.ErrorBody(refusal));
    }

    private ProviderFault? NextFault()
    {
        lock (_lock)
        {
            return _once.TryDequeue(out ProviderFault? fault) ? fault : _always;
        }
    }
}

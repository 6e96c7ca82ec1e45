using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Forebay.Core.Serving;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Forebay.FunctionalTests.Storm;

/// <summary>A prompt that reached an upstream, and what came of it there.</summary>
internal sealed class StormArrival
{
    public required int Number { get; init; }

    public required StormPlace Place { get; init; }

    /// <summary>As the request's path says.</summary>
    public required string Deployment { get; init; }

    /// <summary>As the prompt says.</summary>
    public required string Tenant { get; init; }

    /// <summary>The newest world that may have been in force when it came.</summary>
    public required int World { get; init; }

    /// <summary>Tokens of the answer that it was asked to go on from; 0 for a whole one.</summary>
    public required int From { get; init; }

    public required Dialect Dialect { get; init; }

    /// <summary>Set once the stream's first bytes may have left.</summary>
    public bool Begun { get; set; }

    public bool Served { get; set; }
}

/// <summary>One upstream on a real socket, which does to requests what the storm says.</summary>
internal sealed class StormUpstream : IAsyncDisposable
{
    private const string Error = """{"type":"error","error":{"type":"overloaded_error","message":"stormy"}}""";

    private readonly StormTimeline _timeline;

    /// <summary>Keeps the port while nobody listens there.</summary>
    private readonly Socket _holder = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private ScriptedUpstream? _listener;
    private StormFault _fault = StormFault.None;

    private StormUpstream(StormPlace place, StormTimeline timeline)
    {
        Place = place;
        _timeline = timeline;
        _holder.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        _holder.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Port = ((IPEndPoint)_holder.LocalEndPoint!).Port;
    }

    public StormPlace Place { get; }

    /// <summary>Called when an answer is about to break off.</summary>
    public Action OnBreak { get; set; } = static () => { };

    public int Port { get; }

    public ConcurrentQueue<StormArrival> Arrivals { get; } = new();

    /// <summary>What no gateway may send: a beginning that is none of the answer's.</summary>
    public ConcurrentQueue<string> Absurd { get; } = new();

    public static async Task<StormUpstream> StartAsync(StormPlace place, StormTimeline timeline)
    {
        var upstream = new StormUpstream(place, timeline);
        await upstream.ListenAsync();
        return upstream;
    }

    /// <summary>Puts a fault in the place of the one before, which ends.</summary>
    public async Task BecomeAsync(StormFault fault)
    {
        StormFault before = Interlocked.Exchange(ref _fault, fault);
        if (fault.Kind == StormFaultKind.Killed && _listener is { } listener)
        {
            _listener = null;
            await listener.DisposeAsync();
        }

        before.Lifted.TrySetResult();
        if (before.Kind == StormFaultKind.Killed && fault.Kind != StormFaultKind.Killed)
        {
            await ListenAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _fault.Lifted.TrySetResult();
        if (_listener is not null)
        {
            await _listener.DisposeAsync();
        }

        _holder.Dispose();
    }

    private async Task ListenAsync() => _listener = await ScriptedUpstream.StartAsync(AnswerAsync, port: Port);

    private async Task AnswerAsync(HttpContext http, ReceivedRequest request)
    {
        using JsonDocument json = JsonDocument.Parse(request.Body);
        JsonElement body = json.RootElement;
        string[] path = request.Path.Split('/', 3, StringSplitOptions.RemoveEmptyEntries);
        string[] prompt = PromptOf(body.GetProperty("messages")[0].GetProperty("content")).Split(' ');
        int number = int.Parse(prompt[1]);
        string begun = UnicodeModel.BegunIn(request.Body) ?? "";
        int? from = StormModel.After(number, begun);
        var arrival = new StormArrival
        {
            Number = number,
            Place = Place,
            Deployment = path[0],
            Tenant = prompt[2],
            World = _timeline.Begun,
            From = from ?? -1,
            Dialect = path[^1].EndsWith("messages", StringComparison.Ordinal) ? Dialect.Anthropic : Dialect.OpenAi,
        };
        Arrivals.Enqueue(arrival);
        if (from is null)
        {
            Absurd.Enqueue($"{Place.Name} is asked to go on with {number} from {JsonSerializer.Serialize(begun)}");
        }

        StormFault fault = Volatile.Read(ref _fault);
        if (fault.Kind is StormFaultKind.Hangs or StormFaultKind.Killed)
        {
            await Task.WhenAny(fault.Lifted.Task, request.Aborted);
            http.Abort();
        }
        else if (fault.Kind == StormFaultKind.Status)
        {
            if (fault.RetryAfterSeconds is { } seconds)
            {
                http.Response.Headers.RetryAfter = seconds.ToString();
            }

            await ScriptedUpstream.JsonAsync(http, fault.Status, Error);
        }
        else if (body.TryGetProperty("stream", out JsonElement stream) && stream.GetBoolean())
        {
            bool usage = body.TryGetProperty("stream_options", out JsonElement options)
                && options.GetProperty("include_usage").GetBoolean();
            await StreamAsync(
                http, request, arrival, fault,
                StormModel.Stream(arrival.Dialect, number, body.GetProperty("model").GetString()!, arrival.From, usage));
        }
        else
        {
            await WholeAsync(
                http, request, arrival, fault,
                StormModel.Whole(arrival.Dialect, number, body.GetProperty("model").GetString()!));
        }
    }

    /// <summary>As clients write it, or as it is said in another dialect.</summary>
    private static string PromptOf(JsonElement content) => content.ValueKind == JsonValueKind.String
        ? content.GetString()!
        : content[0].GetProperty("text").GetString()!;

    private async Task StreamAsync(
        HttpContext http, ReceivedRequest request, StormArrival arrival, StormFault fault, IReadOnlyList<string> events)
    {
        // Where it breaks off is as much a matter of the question as its answer is.
        int breaks = fault.Answers ? events.Count : new Random(arrival.Number).Next(events.Count);
        for (int i = 0; i < breaks; i++)
        {
            if (fault.Kind == StormFaultKind.Slow || arrival.Number % 4 == 0)
            {
                // Some take their time, so that what befalls an upstream finds answers half-way.
                await Task.Delay(TimeSpan.FromMilliseconds(1 + arrival.Number % 3), TimeProvider.System);
            }

            arrival.Begun = true;
            await ScriptedUpstream.StreamAsync(http, [events[i]]);
        }

        if (fault.Answers)
        {
            arrival.Served = true;
            return;
        }

        OnBreak();
        switch (fault.Kind)
        {
            case StormFaultKind.Stalls:
                await HeadAsync(http);
                await Task.WhenAny(fault.Lifted.Task, request.Aborted);
                break;
            case StormFaultKind.CutsWithin:
                await ScriptedUpstream.StreamAsync(http, [events[breaks][..^3]]);
                break;
            case StormFaultKind.Garbles:
                await ScriptedUpstream.StreamAsync(http, ["data: {\"is\": not JSON\n\n"]);
                return;
            case StormFaultKind.TellsErrors:
                await ScriptedUpstream.StreamAsync(
                    http, [arrival.Dialect == Dialect.Anthropic ? Answers.Named("error", Error) : $"data: {Error}\n\n"]);
                return;
            default:
                await HeadAsync(http);
                break;
        }

        http.Abort();
    }

    private static async Task WholeAsync(
        HttpContext http, ReceivedRequest request, StormArrival arrival, StormFault fault, string answer)
    {
        switch (fault.Kind)
        {
            case StormFaultKind.None or StormFaultKind.Slow:
                arrival.Served = true;
                await ScriptedUpstream.JsonAsync(http, 200, answer);
                return;
            case StormFaultKind.Garbles:
                await ScriptedUpstream.JsonAsync(http, 200, answer[..(answer.Length / 2)]);
                return;
            case StormFaultKind.TellsErrors:
                await ScriptedUpstream.JsonAsync(http, 200, Error);
                return;
        }

        http.Response.ContentType = "application/json";
        http.Response.ContentLength = answer.Length * 4;
        await http.Response.WriteAsync(answer[..(answer.Length / 2)]);
        await http.Response.Body.FlushAsync();
        if (fault.Kind == StormFaultKind.Stalls)
        {
            await Task.WhenAny(fault.Lifted.Task, request.Aborted);
        }

        http.Abort();
    }

    /// <summary>Headers at least, so that what breaks is an answer.</summary>
    private static async Task HeadAsync(HttpContext http)
    {
        http.Response.ContentType ??= "text/event-stream";
        await http.Response.Body.FlushAsync();
    }
}

using System.Globalization;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Forebay.FunctionalTests.Health;

/// <summary>An upstream on a real socket whose behaviour a test changes while requests run.</summary>
internal sealed class SwitchedUpstream : IAsyncDisposable
{
    private readonly SemaphoreSlim _go = new(0);
    private ScriptedUpstream? _upstream;
    private int _calls;
    private int _inside;
    private int _mostInside;
    private int _probes;

    /// <summary>None for an answer, else what goes wrong: a status, <c>STATUS-retry-after=SECONDS</c>, cut, hang.
    /// </summary>
    public string Fault { get; set; } = "none";

    /// <summary>Status of <c>/health</c>.</summary>
    public int Health { get; set; } = 200;

    /// <summary>Page of <c>/metrics</c>; null for none.</summary>
    public string? Metrics { get; set; }

    public Uri Address => _upstream!.Address;

    public IReadOnlyList<ReceivedRequest> Requests => _upstream!.Requests;

    /// <summary>Model calls received.</summary>
    public int Calls => Volatile.Read(ref _calls);

    public int Probes => Volatile.Read(ref _probes);

    /// <summary>Most model calls at once since the last <see cref="Forget"/>.</summary>
    public int MostInside => Volatile.Read(ref _mostInside);

    public static async Task<SwitchedUpstream> StartAsync()
    {
        var upstream = new SwitchedUpstream();
        upstream._upstream = await ScriptedUpstream.StartAsync(upstream.AnswerAsync);
        return upstream;
    }

    public void Forget()
    {
        Volatile.Write(ref _calls, 0);
        Volatile.Write(ref _mostInside, 0);
    }

    /// <summary>Lets calls that hang go on.</summary>
    public void Release(int count) => _go.Release(count);

    public ValueTask DisposeAsync()
    {
        _go.Release(1000);
        return _upstream!.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext http, ReceivedRequest request)
    {
        switch (request.Path)
        {
            case "/health":
                Interlocked.Increment(ref _probes);
                http.Response.StatusCode = Health;
                return;
            case "/metrics":
                http.Response.StatusCode = Metrics is null ? 404 : 200;
                await http.Response.WriteAsync(Metrics ?? "");
                return;
        }

        Interlocked.Increment(ref _calls);
        int inside = Interlocked.Increment(ref _inside);
        InterlockedMax(ref _mostInside, inside);
        try
        {
            await AnswerCallAsync(http, request);
        }
        finally
        {
            Interlocked.Decrement(ref _inside);
        }
    }

    private async Task AnswerCallAsync(HttpContext http, ReceivedRequest request)
    {
        string fault = Fault;
        if (fault == "hang")
        {
            await _go.WaitAsync(http.RequestAborted);
            fault = "none";
        }

        if (fault == "cut")
        {
            http.Response.ContentLength = 5000;
            await http.Response.WriteAsync("{\"id\":");
            await http.Response.Body.FlushAsync();
            http.Abort();
        }
        else if (fault == "none")
        {
            await (request.Text.Contains("\"stream\":true", StringComparison.Ordinal)
                ? ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream)
                : ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        }
        else
        {
            string[] words = fault.Split("-retry-after=");
            if (words.Length == 2)
            {
                http.Response.Headers.RetryAfter = words[1];
            }

            await ScriptedUpstream.JsonAsync(
                http,
                int.Parse(words[0], CultureInfo.InvariantCulture),
                """{"type":"error","error":{"type":"api_error","message":"x"}}""");
        }
    }

    private static void InterlockedMax(ref int at, int value)
    {
        int seen = Volatile.Read(ref at);
        while (value > seen)
        {
            int found = Interlocked.CompareExchange(ref at, value, seen);
            if (found == seen)
            {
                return;
            }

            seen = found;
        }
    }
}

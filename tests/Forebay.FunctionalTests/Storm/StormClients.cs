using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Forebay.Core.Serving;
using Forebay.FunctionalTests.Gateway;

namespace Forebay.FunctionalTests.Storm;

/// <summary>What a client asks.</summary>
/// <param name="Number">Unique; decides the answer.</param>
/// <param name="Tenant">Who asks.</param>
/// <param name="Model">Whom.</param>
/// <param name="Dialect">In which dialect.</param>
/// <param name="Stream">Whether as a stream.</param>
/// <param name="AsksUsage">Whether an OpenAI stream is to end with its usage.</param>
/// <param name="Geography">Where alone it may be computed, if it says so.</param>
/// <param name="DataClass">The data class that it names, if any.</param>
/// <param name="NeverContinue">Whether it refuses to be gone on with.</param>
/// <param name="LeavesAfter">How many bytes of the answer its client reads before it leaves; null for all.</param>
internal sealed record StormQuestion(
    int Number, StormTenant Tenant, string Model, Dialect Dialect, bool Stream, bool AsksUsage = false,
    string? Geography = null, string? DataClass = null, bool NeverContinue = false, int? LeavesAfter = null)
{
    public static StormQuestion Draw(int number, Random random)
    {
        StormTenant tenant = StormFleet.Tenants[random.Next(StormFleet.Tenants.Count)];
        bool isOpen = tenant.Policy is null && tenant.KeyClass is null;
        bool stream = random.Next(3) > 0;
        return new StormQuestion(
            number,
            tenant,
            StormFleet.Models[random.Next(StormFleet.Models.Count)],
            random.Next(2) == 0 ? Dialect.Anthropic : Dialect.OpenAi,
            stream,
            random.Next(2) == 0,
            isOpen && random.Next(6) == 0 ? random.Next(2) == 0 ? "us" : "eu" : null,
            isOpen && random.Next(6) == 0 ? random.Next(2) == 0 ? "personal" : "records" : null,
            random.Next(10) == 0,
            stream && random.Next(25) == 0 ? random.Next(2000) : null);
    }

    public HttpRequestMessage Request()
    {
        string usage = Dialect == Dialect.OpenAi && Stream && AsksUsage ? ",\"stream_options\":{\"include_usage\":true}" : "";
        string body = $$"""{"model":"{{Model}}","max_tokens":4000,"stream":{{(Stream ? "true" : "false")}}{{usage}},"messages":[{"role":"user","content":"storm {{Number}} {{Tenant.Id}}"}]}""";
        HttpRequestMessage request = Dialect == Dialect.Anthropic
            ? GatewayHarness.Messages(body, Tenant.Secret)
            : GatewayHarness.Chat(body, Tenant.Secret);
        if (Geography is not null)
        {
            request.Headers.Add("x-forebay-inference-geo", Geography);
        }

        if (DataClass is not null)
        {
            request.Headers.Add("x-forebay-data-class", DataClass);
        }

        if (NeverContinue)
        {
            request.Headers.Add("x-forebay-continuation", "never");
        }

        return request;
    }
}

/// <summary>What a client got.</summary>
/// <param name="Question">For what.</param>
/// <param name="From">The oldest world that it may have met.</param>
/// <param name="To">The newest.</param>
/// <param name="RequestId">As the answer's head says.</param>
/// <param name="Status">HTTP status.</param>
/// <param name="Reason">As the answer's head says.</param>
/// <param name="Deployment">As the answer's head says.</param>
/// <param name="Body">What it read.</param>
internal sealed record StormCall(
    StormQuestion Question, int From, int To, string RequestId, int Status, string? Reason, string? Deployment, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);
}

/// <summary>The load: many clients, each with one question after the other.</summary>
internal sealed class StormClients(Uri gateway, StormTimeline timeline) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5) })
    {
        BaseAddress = gateway,
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>The oldest world that a question may have met, by its number: there before it is asked.</summary>
    public ConcurrentDictionary<int, (StormQuestion Question, int From)> Asked { get; } = new();

    public ConcurrentQueue<StormCall> Calls { get; } = new();

    /// <summary>Questions that may be asked before the storm goes on: neither gets ahead of the other.</summary>
    public SemaphoreSlim Turns { get; } = new(0);

    /// <summary>Asks as many questions as each of so many clients has.</summary>
    public Task RunAsync(int seed, int clients, int questions) => Task.WhenAll(Enumerable.Range(0, clients).Select(
        async client =>
        {
            var random = new Random(HashCode(seed, client));
            for (int i = 0; i < questions; i++)
            {
                await Turns.WaitAsync();
                await AskAsync(StormQuestion.Draw(1 + client * questions + i, random));
            }
        }));

    public async Task<StormCall> AskAsync(StormQuestion question)
    {
        int from = timeline.Completed;
        Asked[question.Number] = (question, from);
        using HttpRequestMessage request = question.Request();
        using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        byte[] body = await ReadAsync(response, question.LeavesAfter);
        var call = new StormCall(
            question, from, timeline.Begun, response.Headers.GetValues("request-id").Single(), (int)response.StatusCode,
            One(response, "x-forebay-reason"), One(response, "x-forebay-deployment"), body);
        Calls.Enqueue(call);
        return call;
    }

    public void Dispose()
    {
        _http.Dispose();
        Turns.Dispose();
    }

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response, int? leavesAfter)
    {
        if (leavesAfter is not { } most || response.StatusCode != HttpStatusCode.OK)
        {
            return await response.Content.ReadAsByteArrayAsync();
        }

        await using Stream body = await response.Content.ReadAsStreamAsync();
        byte[] read = new byte[most];
        return read[..await body.ReadAtLeastAsync(read, most, throwOnEndOfStream: false)];
    }

    private static string? One(HttpResponseMessage response, string header) =>
        response.Headers.TryGetValues(header, out IEnumerable<string>? values) ? values.Single() : null;

    private static int HashCode(int seed, int client) => unchecked(seed * 7919 + client * 104_729);
}

using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Forebay.Demo;

/// <summary>A tenant's clients.</summary>
/// <param name="Tenant">Whose.</param>
/// <param name="Key">Their API key.</param>
/// <param name="Clients">How many at once; each asks again as soon as it has its answer.</param>
/// <param name="MaxTokens">Tokens of each answer.</param>
public sealed record DemoClients(string Tenant, string Key, int Clients, int MaxTokens);

/// <summary>How one request ended.</summary>
/// <param name="Tenant">Whose.</param>
/// <param name="Began">When it was sent, by the load's own clock.</param>
/// <param name="At">When it ended.</param>
/// <param name="Ended">How.</param>
/// <param name="FirstTokenMs">Time to the first token; negative where none came.</param>
/// <param name="Tokens">Tokens of the answer.</param>
/// <param name="Deployment">Which deployment began the answer.</param>
/// <param name="Detail">What went wrong, in words.</param>
public sealed record DemoSample(
    string Tenant,
    TimeSpan Began,
    TimeSpan At,
    DemoEnd Ended,
    double FirstTokenMs,
    int Tokens,
    string Deployment,
    string? Detail);

/// <summary>How a request ended.</summary>
public enum DemoEnd : byte
{
    /// <summary>Answered whole, and the text is what an engine says that nothing happened to.</summary>
    Right,

    /// <summary>Refused by the tenant's own limits; tried again when the answer said.</summary>
    Limited,

    /// <summary>Answered whole with another text.</summary>
    Wrong,

    /// <summary>Anything else.</summary>
    Failed,
}

/// <summary>
/// Clients that stream answers through the gateway and hold each against what an engine outside the fleet says to the
/// same question.
/// </summary>
public sealed class DemoLoad : IAsyncDisposable
{
    private const int Questions = 8;
    private const string LimitHeader = "x-ratelimit-limit-tokens";

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private readonly Uri _gateway;
    private readonly string _model;
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly ConcurrentQueue<DemoSample> _samples = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<(int, int), Task<string>> _expected = [];
    private readonly List<Task> _clients = [];
    private readonly ConcurrentDictionary<string, long> _limits = [];
    private readonly Uri _reference;

    public DemoLoad(Uri gateway, Uri reference, string model, TimeProvider time)
    {
        (_gateway, _reference, _model, _time, _started) = (gateway, reference, model, time, time.GetTimestamp());
    }

    /// <summary>Time since the load was made.</summary>
    public TimeSpan Now => _time.GetElapsedTime(_started);

    public IReadOnlyCollection<DemoSample> Samples => _samples;

    /// <summary>The limit on tokens that a tenant's answers name last; null while they name none.</summary>
    public long? LimitOf(string tenant) => _limits.TryGetValue(tenant, out long limit) ? limit : null;

    /// <summary>Lets a tenant's clients begin.</summary>
    public void Start(DemoClients clients)
    {
        for (int i = 0; i < clients.Clients; i++)
        {
            int first = i;
            _clients.Add(Task.Run(() => AskOnAsync(clients, first)));
        }
    }

    /// <summary>No client asks again; those that wait for an answer get it.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
        _http.Dispose();
    }

    private async Task AskOnAsync(DemoClients clients, int question)
    {
        while (!_stop.IsCancellationRequested)
        {
            string expected = await _expected.GetOrAdd(
                (question % Questions, clients.MaxTokens),
                q => AskReferenceAsync(q.Item1, q.Item2));
            (DemoSample sample, TimeSpan wait) = await AskAsync(clients, question % Questions, expected);
            _samples.Enqueue(sample);
            question++;
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<string> AskReferenceAsync(int question, int maxTokens)
    {
        using HttpRequestMessage request = RequestTo(_reference, question, maxTokens, null);
        using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        return (await ReadAsync(response, static () => { })).Text;
    }

    private async Task<(DemoSample Sample, TimeSpan Wait)> AskAsync(DemoClients clients, int question, string expected)
    {
        long began = _time.GetTimestamp();
        double first = -1;
        DemoSample Sample(DemoEnd end, int tokens, string deployment, string? detail) =>
            new(clients.Tenant, Now - _time.GetElapsedTime(began), Now, end, first, tokens, deployment, detail);
        try
        {
            using HttpRequestMessage request = RequestTo(_gateway, question, clients.MaxTokens, clients.Key);
            using HttpResponseMessage response = await _http.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead);
            string deployment = response.Headers.TryGetValues("x-forebay-deployment", out IEnumerable<string>? values)
                ? values.First()
                : "";
            if (response.Headers.TryGetValues(LimitHeader, out IEnumerable<string>? limits)
                && long.TryParse(limits.First(), CultureInfo.InvariantCulture, out long limit))
            {
                _limits[clients.Tenant] = limit;
            }

            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                TimeSpan wait = response.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1);
                return (Sample(DemoEnd.Limited, 0, deployment, null), wait);
            }

            if (!response.IsSuccessStatusCode)
            {
                string body = await response.Content.ReadAsStringAsync();
                return (Sample(DemoEnd.Failed, 0, deployment, $"{(int)response.StatusCode}: {body}"),
                    TimeSpan.FromMilliseconds(200));
            }

            (string text, int tokens, string? broken) = await ReadAsync(
                response, () => first = first < 0 ? _time.GetElapsedTime(began).TotalMilliseconds : first);
            return (Sample(
                broken is not null ? DemoEnd.Failed : text == expected ? DemoEnd.Right : DemoEnd.Wrong,
                tokens,
                deployment,
                broken ?? (text == expected ? null : $"{text.Length} characters instead of {expected.Length}")),
                TimeSpan.Zero);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return (Sample(DemoEnd.Failed, 0, "", e.Message), TimeSpan.FromMilliseconds(200));
        }
    }

    private HttpRequestMessage RequestTo(Uri server, int question, int maxTokens, string? key)
    {
        string text = $"Question {question}: what is a forebay, and what does it hold ready? " +
            string.Concat(Enumerable.Repeat("Say it as an engineer would. ", 8 + question));
        var body = new JsonObject
        {
            ["model"] = _model,
            ["stream"] = true,
            ["max_tokens"] = maxTokens,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }),
        };
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server, "/v1/chat/completions"))
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("x-emulator-output-tokens", maxTokens.ToString());
        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        return request;
    }

    /// <summary>Reads a stream of events to its end.</summary>
    private static async Task<(string Text, int Tokens, string? Broken)> ReadAsync(
        HttpResponseMessage response, Action onToken)
    {
        var text = new StringBuilder();
        int tokens = 0;
        bool done = false;
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        while (await reader.ReadLineAsync() is { } line)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal))
            {
                continue;
            }

            string data = line[6..];
            if (data == "[DONE]")
            {
                done = true;
                continue;
            }

            using JsonDocument json = JsonDocument.Parse(data);
            if (json.RootElement.TryGetProperty("error", out JsonElement error))
            {
                return (text.ToString(), tokens, error.ToString());
            }

            if (json.RootElement.TryGetProperty("choices", out JsonElement choices) && choices.GetArrayLength() > 0
                && choices[0].TryGetProperty("delta", out JsonElement delta)
                && delta.TryGetProperty("content", out JsonElement content)
                && content.ValueKind == JsonValueKind.String && content.GetString() is { Length: > 0 } piece)
            {
                onToken();
                tokens++;
                text.Append(piece);
            }
        }

        return (text.ToString(), tokens, done ? null : "the stream ended without its last event");
    }
}

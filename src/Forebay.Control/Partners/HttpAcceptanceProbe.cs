using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Forebay.Core.Capacity.Partners;

namespace Forebay.Control.Partners;

/// <summary>
/// Probes an OpenAI-compatible endpoint with real requests: its model list, then timed streaming completions. Tokens
/// are counted by what arrives: an answer counts with no more than the endpoint says, than was asked for and than its
/// text can hold; where the engine's own counter is shown (<c>/metrics</c>, as vLLM has it), with no more than that
/// grew by.
/// </summary>
/// <param name="readSecret">Turns a reference such as <c>env:NAME</c> into the secret.</param>
/// <param name="time">Takes the times.</param>
/// <param name="contractTime">Dates the measurement; the same clock when left out.</param>
public sealed class HttpAcceptanceProbe(
    Func<string, string> readSecret, TimeProvider time, TimeProvider? contractTime = null)
    : IAcceptanceProbe, IDisposable
{
    private const int MostBytes = 1024 * 1024;
    private const int MostProblems = 5;
    private const string Counter = "vllm:generation_tokens_total";
    private const string Prompt = "Count upwards from one, in words, without stopping.";

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        MaxConnectionsPerServer = 4096,
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
        MaxResponseContentBufferSize = MostBytes,
    };

    public async Task<string?> ConnectAsync(ConnectionConfig connection, CancellationToken cancel)
    {
        try
        {
            string[] models = await ModelsAsync(connection, cancel).ConfigureAwait(false);
            return models.Length == 0 ? "the endpoint lists no model"
                : connection.Model is { } model && !models.Contains(model)
                    ? $"the endpoint does not list '{model}', but {string.Join(", ", models.Take(5))}"
                : null;
        }
        catch (Exception e) when (IsTheirs(e, cancel))
        {
            return WordsOf(e);
        }
    }

    public async Task<ProbeMeasurement> MeasureAsync(
        ConnectionConfig connection, AcceptanceConfig load, long claimed, CancellationToken cancel)
    {
        var problems = new ConcurrentDictionary<string, bool>(StringComparer.Ordinal);
        (long count, CountBasis basis) = await CountAsync(connection, claimed, problems, cancel).ConfigureAwait(false);
        var answers = new ConcurrentBag<Answer>();
        int failed = 0;
        double? before = null;
        double? after = null;
        long started = time.GetTimestamp();
        try
        {
            string model = connection.Model ?? (await ModelsAsync(connection, cancel).ConfigureAwait(false))[0];
            before = await CounterAsync(connection, cancel).ConfigureAwait(false);
            started = time.GetTimestamp();
            var options = new ParallelOptions { MaxDegreeOfParallelism = load.Concurrency, CancellationToken = cancel };
            await Parallel.ForEachAsync(Enumerable.Range(0, load.Requests), options, async (number, stop) =>
            {
                try
                {
                    answers.Add(await AskAsync(connection, model, load, number, stop).ConfigureAwait(false));
                }
                catch (Exception e) when (IsTheirs(e, cancel))
                {
                    Interlocked.Increment(ref failed);
                    problems.TryAdd(WordsOf(e), true);
                }
            }).ConfigureAwait(false);
        }
        catch (Exception e) when (IsTheirs(e, cancel) || e is IndexOutOfRangeException)
        {
            failed = load.Requests;
            problems.TryAdd(e is IndexOutOfRangeException ? "the endpoint lists no model" : WordsOf(e), true);
        }

        double seconds = time.GetElapsedTime(started).TotalSeconds;
        long tokens = answers.Sum(a => (long)a.Tokens);
        if (before is not null)
        {
            after = await CounterAsync(connection, cancel).ConfigureAwait(false);
            if (after - before is { } made && made >= 0 && made < tokens)
            {
                problems.TryAdd($"the engine counts {made:0} output tokens, the answers {tokens}", true);
                tokens = (long)made;
            }
        }

        double[] firsts = [.. answers.Select(a => a.FirstTokenMs).Order()];
        return new ProbeMeasurement(
            connection.Pool,
            (contractTime ?? time).GetUtcNow().ToUnixTimeMilliseconds(),
            count,
            basis,
            load.Requests,
            failed,
            tokens,
            seconds,
            Rank(firsts, 0.5),
            Rank(firsts, 0.95),
            [.. problems.Keys.Order(StringComparer.Ordinal).Take(MostProblems)]);
    }

    public void Dispose() => _http.Dispose();

    private async Task<Answer> AskAsync(
        ConnectionConfig connection, string model, AcceptanceConfig load, int number, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(TimeSpan.FromSeconds(load.TimeoutSeconds));
        using HttpRequestMessage request = Request(connection, HttpMethod.Post, "v1/chat/completions");
        request.Content = new ByteArrayContent(BodyOf(model, load.MaxOutputTokens, number))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
        };
        long began = time.GetTimestamp();
        using HttpResponseMessage response = await _http.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, patience.Token).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            throw new HttpRequestException($"a completion was answered with {(int)response.StatusCode}");
        }

        Stream body = await response.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
        using var lines = new StreamReader(body, Encoding.UTF8);
        var answer = new AnswerReader();
        double first = 0;
        while (!answer.Done && await lines.ReadLineAsync(patience.Token).ConfigureAwait(false) is { } line)
        {
            bool had = answer.HasText;
            answer.Read(line);
            if (!had && answer.HasText)
            {
                first = time.GetElapsedTime(began).TotalMilliseconds;
            }

            if (answer.TextBytes > MostBytes)
            {
                throw new InvalidDataException("an answer is far longer than was asked for");
            }
        }

        return answer.HasText && answer.Finished
            ? new Answer(first, Math.Min(answer.Tokens, load.MaxOutputTokens))
            : throw new InvalidDataException("an answer broke off, or held no text");
    }

    private async Task<string[]> ModelsAsync(ConnectionConfig connection, CancellationToken cancel)
    {
        using JsonDocument list = await JsonAsync(connection, "v1/models", cancel).ConfigureAwait(false);
        return list.RootElement.TryGetProperty("data", out JsonElement data) && data.ValueKind == JsonValueKind.Array
            ? [.. data.EnumerateArray()
                .Select(m => m.TryGetProperty("id", out JsonElement id) ? id.GetString() : null).OfType<string>()]
            : throw new InvalidDataException("/v1/models is no list of models");
    }

    private async Task<(long Count, CountBasis Basis)> CountAsync(
        ConnectionConfig connection,
        long claimed,
        ConcurrentDictionary<string, bool> problems,
        CancellationToken cancel)
    {
        if (claimed == 0)
        {
            return (0, CountBasis.None);
        }

        if (connection.Inventory is null)
        {
            return (claimed, CountBasis.Claimed);
        }

        try
        {
            using JsonDocument found = await JsonAsync(connection, connection.Inventory, cancel).ConfigureAwait(false);
            return found.RootElement.TryGetProperty("accelerators", out JsonElement count)
                && count.TryGetInt64(out long number) && number >= 0
                    ? (number, CountBasis.Reported)
                    : throw new InvalidDataException("the inventory has no whole number under accelerators");
        }
        catch (Exception e) when (IsTheirs(e, cancel))
        {
            // What should be counted and cannot be is not there.
            problems.TryAdd($"inventory: {WordsOf(e)}", true);
            return (0, CountBasis.Reported);
        }
    }

    /// <summary>The engine's own count of tokens made; null where it shows none.</summary>
    private async Task<double?> CounterAsync(ConnectionConfig connection, CancellationToken cancel)
    {
        try
        {
            using HttpRequestMessage request = Request(connection, HttpMethod.Get, "metrics");
            using HttpResponseMessage response = await _http.SendAsync(request, cancel).ConfigureAwait(false);
            double? sum = null;
            foreach (string line in response.IsSuccessStatusCode
                ? (await response.Content.ReadAsStringAsync(cancel).ConfigureAwait(false)).Split('\n') : [])
            {
                if (line.StartsWith(Counter, StringComparison.Ordinal)
                    && double.TryParse(
                        line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture, out double value))
                {
                    sum = (sum ?? 0) + value;
                }
            }

            return sum;
        }
        catch (Exception e) when (IsTheirs(e, cancel))
        {
            return null;
        }
    }

    private Task<JsonDocument> JsonAsync(ConnectionConfig connection, string path, CancellationToken cancel) =>
        JsonAsync(connection, Under(connection.Endpoint, path), cancel);

    private async Task<JsonDocument> JsonAsync(ConnectionConfig connection, Uri url, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        using HttpRequestMessage request = Request(connection, HttpMethod.Get, url);
        using HttpResponseMessage response = await _http.SendAsync(request, patience.Token).ConfigureAwait(false);
        return response.IsSuccessStatusCode
            ? JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(patience.Token).ConfigureAwait(false))
            : throw new HttpRequestException($"{url.AbsolutePath} was answered with {(int)response.StatusCode}");
    }

    private HttpRequestMessage Request(ConnectionConfig connection, HttpMethod method, string path) =>
        Request(connection, method, Under(connection.Endpoint, path));

    /// <summary>The credential goes to the endpoint's own host alone.</summary>
    private HttpRequestMessage Request(ConnectionConfig connection, HttpMethod method, Uri url)
    {
        var request = new HttpRequestMessage(method, url);
        if (connection.Credential is { } reference && url.Authority == connection.Endpoint.Authority)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", readSecret(reference));
        }

        return request;
    }

    private static Uri Under(Uri endpoint, string path) =>
        new(endpoint.AbsoluteUri.TrimEnd('/') + "/" + path, UriKind.Absolute);

    /// <summary>Each prompt differs in its first words, so that no cache answers for the engine.</summary>
    private static byte[] BodyOf(string model, int maxTokens, int number)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("model", model);
            json.WriteNumber("max_tokens", maxTokens);
            json.WriteBoolean("stream", true);
            json.WriteStartObject("stream_options");
            json.WriteBoolean("include_usage", true);
            json.WriteEndObject();
            json.WriteStartArray("messages");
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteString("content", $"Acceptance {number}. {Prompt}");
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    private static double Rank(double[] sorted, double quantile) => sorted.Length == 0 ? 0
        : sorted[Math.Clamp((int)Math.Ceiling(quantile * sorted.Length) - 1, 0, sorted.Length - 1)];

    private static bool IsTheirs(Exception e, CancellationToken cancel) => !cancel.IsCancellationRequested
        && e is HttpRequestException or IOException or InvalidDataException or JsonException
            or OperationCanceledException or InvalidOperationException;

    private static string WordsOf(Exception e) => e is OperationCanceledException
        ? "no answer within the time"
        : e is JsonException ? "an answer is not JSON" : e.Message;

    private readonly record struct Answer(double FirstTokenMs, int Tokens);
}

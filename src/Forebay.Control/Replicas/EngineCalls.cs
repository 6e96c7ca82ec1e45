using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Serving;

namespace Forebay.Control.Replicas;

/// <summary>What an engine is asked before it serves: whether it is healthy, and requests to warm it up.</summary>
internal sealed class EngineCalls(TimeProvider time) : IDisposable
{
    /// <summary>Most of an error's body that is kept in words.</summary>
    private const int MostSaid = 300;

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseCookies = false, UseProxy = false })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    public void Dispose() => _http.Dispose();

    /// <summary>Asks the health path.</summary>
    /// <returns>Null when it is good, else what it said.</returns>
    public async Task<string?> ProbeAsync(Uri endpoint, string path, TimeSpan timeout, CancellationToken cancel)
    {
        try
        {
            using var patience = new CancellationTokenSource(timeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancel);
            using HttpResponseMessage answer = await _http.GetAsync(new Uri(endpoint, path), either.Token)
                .ConfigureAwait(false);
            if (answer.IsSuccessStatusCode)
            {
                return null;
            }

            string said = await SaidAsync(answer, either.Token).ConfigureAwait(false);
            return $"status {(int)answer.StatusCode} {said}".Trim();
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return $"no answer within {timeout.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s";
        }
        catch (HttpRequestException e)
        {
            return e.Message;
        }
    }

    /// <summary>Sends warm-up requests in a row, each of another prompt, so that no cache answers for the engine.
    /// </summary>
    /// <param name="spec">The replica.</param>
    /// <param name="endpoint">Its engine.</param>
    /// <param name="round">Counts the rounds: makes the prompts differ.</param>
    /// <param name="timeout">Longest wait for one answer.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Null when all were answered within the objective, else what was wrong with the first that was not.
    /// </returns>
    public async Task<string?> WarmAsync(
        ReplicaWanted spec, Uri endpoint, long round, TimeSpan timeout, CancellationToken cancel)
    {
        for (int i = 0; i < spec.Warmup.Requests; i++)
        {
            Dialect dialect = spec.Dialects[i % spec.Dialects.Length];
            if (await WarmOnceAsync(spec, endpoint, dialect, $"{round}-{i}", timeout, cancel).ConfigureAwait(false)
                is { } wrong)
            {
                return wrong;
            }
        }

        return null;
    }

    private async Task<string?> WarmOnceAsync(
        ReplicaWanted spec, Uri endpoint, Dialect dialect, string seed, TimeSpan timeout, CancellationToken cancel)
    {
        string path = dialect == Dialect.Anthropic ? "/v1/messages" : "/v1/chat/completions";
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(endpoint, path))
        {
            Content = new ByteArrayContent(Body(spec, seed)),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        if (dialect == Dialect.Anthropic)
        {
            request.Headers.Add("anthropic-version", "2023-06-01");
        }

        long began = time.GetTimestamp();
        try
        {
            using var patience = new CancellationTokenSource(timeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancel);
            using HttpResponseMessage answer = await _http.SendAsync(request, either.Token).ConfigureAwait(false);
            double ms = time.GetElapsedTime(began).TotalMilliseconds;
            return !answer.IsSuccessStatusCode
                ? $"a warm-up request was answered with status {(int)answer.StatusCode} "
                    + await SaidAsync(answer, either.Token).ConfigureAwait(false)
                : ms > spec.Warmup.ObjectiveMs
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"a warm-up request took {ms:0} ms, over the objective of {spec.Warmup.ObjectiveMs:0} ms")
                : null;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return $"a warm-up request was not answered within {timeout.TotalSeconds:0.#} s";
        }
        catch (HttpRequestException e)
        {
            return $"a warm-up request failed: {e.Message}";
        }
    }

    /// <summary>One body that both dialects read.</summary>
    private static byte[] Body(ReplicaWanted spec, string seed)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("model"u8, spec.UpstreamModel ?? spec.Model);
            json.WriteNumber("max_tokens"u8, 1);
            json.WriteStartArray("messages"u8);
            json.WriteStartObject();
            json.WriteString("role"u8, "user"u8);
            var prompt = new StringBuilder(seed);
            for (int i = 1; i < spec.Warmup.PromptTokens; i++)
            {
                prompt.Append(" warm");
            }

            json.WriteString("content"u8, prompt.ToString());
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return bytes.ToArray();
    }

    private static async Task<string> SaidAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        string text = await answer.Content.ReadAsStringAsync(cancel).ConfigureAwait(false);
        return text.Length <= MostSaid ? text : text[..MostSaid] + "...";
    }
}

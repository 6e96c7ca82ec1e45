using System.Text.Json;
using Forebay.Simulation.Replay.Answers;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay;

/// <summary>Sends one request of a trace and measures its answer.</summary>
internal sealed class ReplaySender(ReplayOptions options, HttpClient http, TimeProvider time)
{
    /// <summary>Tells the engine emulator how long an answer to make; engines and gateways ignore it.</summary>
    private const string EmulatorOutputTokens = "x-emulator-output-tokens";
    private const int MaxErrorBytes = 64 * 1024;

    private readonly Uri _messages = ReplayPaths.Under(options.BaseUrl, "v1/messages");
    private readonly Uri _chat = ReplayPaths.Under(options.BaseUrl, "v1/chat/completions");

    /// <summary>
    /// Sends one turn. Never throws for what servers and networks do: that is the outcome.
    /// </summary>
    /// <param name="request">The turn.</param>
    /// <param name="conversation">Its conversation, which takes the answer.</param>
    /// <param name="firstPiece">Called when the answer's first piece is there.</param>
    /// <param name="stop">Interrupts the request.</param>
    public async Task<ReplayOutcome> SendAsync(
        TraceRequest request, ReplayConversation conversation, Action firstPiece, CancellationToken stop)
    {
        var outcome = new ReplayOutcome
        {
            Dialect = conversation.Dialect,
            Model = conversation.Model,
            Turn = conversation.Turn,
            AskedInputTokens = ReplayContent.InputTokens(request),
            AskedOutputTokens = ReplayContent.OutputTokens(request),
        };
        using var timeout = new CancellationTokenSource(options.RequestTimeout, time);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(stop, timeout.Token);
        long sentAt = time.GetTimestamp();
        try
        {
            using HttpRequestMessage message = Compose(outcome, request, conversation);
            using HttpResponseMessage response = await http
                .SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancel.Token).ConfigureAwait(false);
            outcome = WithHeaders(outcome, response);
            outcome = response.IsSuccessStatusCode
                ? await ReadStreamAsync(outcome, response, conversation, sentAt, firstPiece, cancel.Token)
                    .ConfigureAwait(false)
                : await ReadErrorAsync(outcome, response, cancel.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            outcome = outcome with { End = ReplayEnd.Interrupted };
        }
        catch (OperationCanceledException)
        {
            outcome = Failed(outcome, ReplayReasons.TimedOut, $"no whole answer in {options.RequestTimeout}");
        }
        catch (HttpRequestException e)
        {
            bool connecting = e.HttpRequestError is HttpRequestError.ConnectionError
                or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError;
            outcome = Failed(
                outcome, connecting ? ReplayReasons.ConnectFailed : ReplayReasons.ConnectionCut, e.Message);
        }
        catch (IOException e)
        {
            outcome = Failed(outcome, ReplayReasons.ConnectionCut, e.Message);
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            outcome = Failed(outcome, ReplayReasons.MalformedAnswer, e.Message);
        }

        return outcome with { TotalMs = time.GetElapsedTime(sentAt).TotalMilliseconds };
    }

    private HttpRequestMessage Compose(
        ReplayOutcome outcome, TraceRequest request, ReplayConversation conversation)
    {
        bool anthropic = outcome.Dialect == ReplayDialect.Anthropic;
        var message = new HttpRequestMessage(HttpMethod.Post, anthropic ? _messages : _chat)
        {
            Content = new ReplayContent(outcome.Dialect, outcome.Model, request, conversation.Prompt),
        };
        if (anthropic)
        {
            message.Headers.TryAddWithoutValidation("x-api-key", options.ApiKey);
            message.Headers.TryAddWithoutValidation("anthropic-version", "2023-06-01");
        }
        else
        {
            message.Headers.TryAddWithoutValidation("authorization", $"Bearer {options.ApiKey}");
        }

        message.Headers.TryAddWithoutValidation(EmulatorOutputTokens, $"{outcome.AskedOutputTokens}");
        return message;
    }

    private async Task<ReplayOutcome> ReadStreamAsync(
        ReplayOutcome outcome,
        HttpResponseMessage response,
        ReplayConversation conversation,
        long sentAt,
        Action firstPiece,
        CancellationToken cancel)
    {
        if (response.Content.Headers.ContentType?.MediaType != "text/event-stream")
        {
            return Failed(
                outcome,
                ReplayReasons.MalformedAnswer,
                $"content-type is '{response.Content.Headers.ContentType}', not text/event-stream");
        }

        StreamedAnswer answer = StreamedAnswer.Of(outcome.Dialect, conversation.NeedsAnswer);
        Stream body = await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        using var events = new EventStream(body);
        while (await events.ReadAsync(cancel).ConfigureAwait(false))
        {
            bool waiting = answer.FirstPieceAt is null;
            answer.Accept(events.Name, events.Data, time.GetTimestamp());
            if (waiting && answer.FirstPieceAt is not null)
            {
                firstPiece();
            }
        }

        conversation.Prompt.Answered(answer.Text?.WrittenSpan.ToArray() ?? []);
        outcome = outcome with
        {
            InputTokens = answer.InputTokens,
            CachedInputTokens = answer.CachedInputTokens,
            OutputTokens = answer.OutputTokens,
        };
        if (answer.FirstPieceAt is { } first)
        {
            double spanMs = time.GetElapsedTime(first, answer.LastPieceAt).TotalMilliseconds;
            outcome = outcome with
            {
                TimeToFirstTokenMs = time.GetElapsedTime(sentAt, first).TotalMilliseconds,
                TimePerOutputTokenMs = answer.OutputTokens > 1 ? spanMs / (answer.OutputTokens - 1) : null,
            };
        }

        if (answer.Error is { } error)
        {
            return Failed(outcome, error.Kind, error.Message);
        }

        return answer.Ended
            ? outcome
            : Failed(outcome, ReplayReasons.EndedEarly, "the stream closed before its end event");
    }

    private static async Task<ReplayOutcome> ReadErrorAsync(
        ReplayOutcome outcome, HttpResponseMessage response, CancellationToken cancel)
    {
        Stream body = await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        byte[] bytes = new byte[MaxErrorBytes];
        int length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancel)
            .ConfigureAwait(false);
        return ErrorEnvelope.Parse(bytes.AsMemory(0, length)) is { } error
            ? Failed(outcome, error.Kind, error.Message)
            : Failed(outcome, $"http_{outcome.Status}", ErrorEnvelope.Excerpt(bytes.AsSpan(0, length)));
    }

    private static ReplayOutcome WithHeaders(ReplayOutcome outcome, HttpResponseMessage response) => outcome with
    {
        Status = (int)response.StatusCode,
        RequestId = HeaderOf(response, "request-id") ?? HeaderOf(response, "x-request-id"),
        Provider = HeaderOf(response, "x-forebay-provider"),
        Deployment = HeaderOf(response, "x-forebay-deployment"),
        Backing = HeaderOf(response, "x-forebay-backing"),
    };

    private static string? HeaderOf(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.First() : null;

    private static ReplayOutcome Failed(ReplayOutcome outcome, string reason, string message) =>
        outcome with { End = ReplayEnd.Failed, Reason = reason, Message = message };
}

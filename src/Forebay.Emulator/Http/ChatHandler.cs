using System.Globalization;
using Forebay.Core.Serving;
using Forebay.Emulator.Engine;
using Forebay.Emulator.Faults;
using Forebay.Emulator.Wire;
using Microsoft.AspNetCore.Http;

namespace Forebay.Emulator.Http;

/// <summary>Answers a request for a message or completion, in numbered steps.</summary>
internal sealed class ChatHandler(EmulatedDeployment deployment)
{
    public async Task HandleAsync(HttpContext http, Dialect dialect)
    {
        long number = deployment.NextRequest();
        string id = deployment.NameOf(number);
        http.Response.Headers[dialect == Dialect.Anthropic ? "request-id" : "x-request-id"] = "req_" + id;

        // 1. the fault of this request, and those that come before anything is read
        Fault? fault = FaultOf(http.Request.Headers, number);
        if (fault is { Kind: FaultKind.Status } status)
        {
            await ErrorWriter.WriteAsync(http, dialect, status.Status, $"Emulated fault: {status.Status}.",
                retryAfter: status.Amount >= 0 ? status.Amount : null);
            return;
        }

        // 2. the request
        ChatRequest request = await ReadAsync(http, dialect, needsMaxTokens: true);
        if (http.Request.Headers.TryGetValue("x-emulator-output-tokens", out var wanted))
        {
            request.OutputTokens = ChatRequestReader.ParseOutputTokens(wanted.ToString());
        }

        int room = deployment.Parameters.ContextTokens - request.PromptTokens;
        if (room < 1)
        {
            throw new BadRequestException($"The prompt is too long: {request.PromptTokens} tokens of at most "
                + $"{deployment.Parameters.ContextTokens - 1}.");
        }

        // 3. the answer, known before it is paced
        Answer answer = Answer.For(request, Math.Min(room, deployment.MaxOutputTokens));
        long created = deployment.Clock.Now.WallUnixMs / 1000;
        var context = new AnswerContext(id, deployment.Spec.Model, created, request, answer);

        // 4. the engine
        await deployment.Clock.DelayAsync(deployment.Spec.SiteLatencyMs, http.RequestAborted);
        if (fault is { Kind: FaultKind.Empty })
        {
            http.Response.ContentLength = 0;
            return;
        }

        if (fault is { Kind: FaultKind.Stall, Amount: 0 })
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, deployment.Clock.Time, http.RequestAborted);
        }

        var generation = new Generation(
            number, request.PromptTokens, Math.Max(1, answer.Tokens), request.PrefixHashes, request.Stream);
        deployment.LeastLoaded().Submit(generation);
        using CancellationTokenRegistration cancel = http.RequestAborted.UnsafeRegister(
            static state => ((Generation)state!).Cancel(), generation);
        IAnswerWriter writer = dialect == Dialect.Anthropic ? new AnthropicWriter(context) : new OpenAiWriter(context);
        if (request.Stream)
        {
            await new StreamedAnswer(http, deployment, context, writer, generation, fault).WriteAsync();
        }
        else
        {
            await new WholeAnswer(http, deployment, context, writer, generation, fault).WriteAsync();
        }
    }

    /// <summary>Counts the tokens of a prompt without answering it.</summary>
    public async Task CountAsync(HttpContext http)
    {
        http.Response.Headers["request-id"] = "req_count";
        ChatRequest request = await ReadAsync(http, Dialect.Anthropic, needsMaxTokens: false);
        http.Response.ContentType = "application/json";
        await http.Response.WriteAsync(
            string.Create(CultureInfo.InvariantCulture, $"{{\"input_tokens\":{request.PromptTokens}}}"));
    }

    private async Task<ChatRequest> ReadAsync(HttpContext http, Dialect dialect, bool needsMaxTokens)
    {
        if (http.Request.Headers.ContentEncoding.Count > 0)
        {
            throw new BadRequestException("Compressed request bodies are not accepted.", 415);
        }

        ChatRequest request = await RequestBody.ReadAsync(
            http.Request, body => ChatRequestReader.Read(body, dialect, needsMaxTokens));
        return request.Model == deployment.Spec.Model
            ? request
            : throw new BadRequestException(dialect == Dialect.Anthropic
                ? $"model: {request.Model}"
                : $"The model `{request.Model}` does not exist.", 404, "model");
    }

    private Fault? FaultOf(IHeaderDictionary headers, long number)
    {
        if (!headers.TryGetValue("x-emulator-fault", out var asked))
        {
            return deployment.FaultFor(number);
        }

        if (!Fault.TryParse(asked.ToString(), out Fault fault, out string? problem))
        {
            throw new BadRequestException(problem!);
        }

        return deployment.Strikes(fault, number) ? fault : null;
    }
}

using System.Collections.Frozen;
using System.Diagnostics;
using System.Globalization;
using Forebay.Core.Batches;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Time;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Telemetry;
using Forebay.Protocols;
using Forebay.Protocols.Batches;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Batches;

/// <summary>
/// Runs items of batches through the request pipeline, in this process: with a body and an answer in memory in place of
/// a connection, and everything else as for any request.
/// </summary>
internal sealed class BatchWire(GatewayRuntime runtime) : IBatchWire
{
    /// <summary>What items may be for, and the dialect of that.</summary>
    public static FrozenDictionary<string, ItemKind> Endpoints { get; } = new Dictionary<string, ItemKind>
    {
        [BatchHandler.MessagesEndpoint] = new(Dialect.Anthropic),
        ["/v1/chat/completions"] = new(Dialect.OpenAi),
        ["/v1/responses"] = new(Dialect.Responses),
        ["/v1/embeddings"] = new(Dialect.OpenAi, Embeds: true),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, Reason> Reasons =
        ReasonTable.Rows.ToFrozenDictionary(r => r.Label, r => r.Reason, StringComparer.Ordinal);

    private readonly RequestPipeline _pipeline = new(runtime);

    public UInt128 NewRequest(long nowUnixMs) => RequestId.New(nowUnixMs);

    public bool TryReadLine(
        Batch batch, ReadOnlyMemory<byte> line, int number, out BatchItem item, out BatchProblem? problem)
    {
        item = default;
        if (!BatchInputLine.TryRead(line.Span, out BatchInputLine read, out var wrong))
        {
            problem = new BatchProblem(wrong.Code, wrong.Message, wrong.Param, number);
            return false;
        }

        if (read.Url != batch.Endpoint)
        {
            problem = new BatchProblem(
                "mismatched_endpoint", $"url must be the batch's endpoint, {batch.Endpoint}.", "url", number);
            return false;
        }

        ReadOnlyMemory<byte> body = line.Slice(read.Body.Start, read.Body.Length);
        string? bad = Check(Endpoints[batch.Endpoint], body.Span, out RequestFacts facts, out string? param);
        problem = bad is null ? null : new BatchProblem("invalid_request", bad, $"body{param}", number);
        if (problem is null && runtime.State.Model.FindModel(facts.Model) is null)
        {
            problem = new BatchProblem(
                "model_not_found", $"There is no model '{facts.Model}' here.", "body.model", number);
        }

        item = new BatchItem(read.CustomId, facts.Model ?? "", body);
        return problem is null;
    }

    public byte[] LeftoverLine(Batch batch, int item, string customId, ItemOutcome outcome)
    {
        bool expired = outcome == ItemOutcome.Expired;
        return batch.Surface == BatchSurface.Messages
            ? BatchLines.Left(customId, expired ? "expired" : "canceled")
            : BatchLines.NotMade(
                LineId(batch, item), customId,
                expired ? "batch_expired" : "batch_cancelled",
                expired ? "This request could not be executed before the completion window expired."
                    : "This request was not executed, as the batch was cancelled.");
    }

    public async Task<BatchAnswer> RunAsync(BatchCall call)
    {
        Batch batch = call.Batch;
        ItemKind kind = Endpoints[batch.Endpoint];
        using var answer = new CapturedAnswer();
        HttpContext http = answer.Request(batch.Endpoint, batch.Headers, call.Item.Body);
        var x = new Exchange(http, runtime.State.InForce, kind.Dialect, call.Request, Instant.From(runtime.Time))
        {
            Embeds = kind.Embeds,
            Batch = new BatchRun(batch.Key, call.Prepaid),
        };
        PipelineHeaders.RequestId(http, x.IdText);
        using Activity? span = runtime.Metrics.Begin(x);
        try
        {
            await _pipeline.HandleAsync(x);
        }
        catch (InvalidOperationException e)
        {
            Log.InvariantBroken(runtime.Logger, x.IdText, e);
            answer.Abort();
        }
        finally
        {
            runtime.Metrics.End();
        }

        // What follows is for the disk, which the threads that wait for sockets must not wait for.
        await LongWork.ElsewhereAsync();
        return AnswerOf(call, x, answer);
    }

    /// <summary>What is wrong with the body of an item, where that shows without running it.</summary>
    internal static string? Check(ItemKind kind, ReadOnlySpan<byte> body, out RequestFacts facts, out string? param)
    {
        param = null;
        if (!TryRead(kind, body, out facts, out RequestProblem bad))
        {
            param = bad.Param is null ? null : "." + bad.Param;
            return bad.Message;
        }

        if (facts.Stream)
        {
            param = ".stream";
            return "stream: batches are not streamed; leave it out";
        }

        return null;
    }

    private static bool TryRead(
        ItemKind kind, ReadOnlySpan<byte> body, out RequestFacts facts, out RequestProblem bad)
    {
        if (!kind.Embeds)
        {
            return RequestReader.TryRead((WireDialect)kind.Dialect, body, countTokens: false, out facts, out bad);
        }

        bool read = EmbeddingRequestReader.TryRead(body, out EmbeddingFacts embedding, out bad);
        facts = embedding.Request;
        return read;
    }

    private static BatchAnswer AnswerOf(BatchCall call, Exchange x, CapturedAnswer answer)
    {
        int status = x.Http.Response.StatusCode;
        ReadOnlySpan<byte> body = answer.Body;
        bool whole = !answer.IsBroken && BatchLines.IsObject(body);
        bool succeeded = whole && status is >= 200 and < 300;
        Reason reason = succeeded ? Reason.None
            : Reasons.TryGetValue(x.Http.Response.Headers[PipelineHeaders.Reason].ToString(), out Reason told) ? told
            : answer.IsBroken ? answer.IsTooLarge ? Reason.UpstreamRefused : Reason.Internal
            : Reason.UpstreamRefused;
        if (!succeeded && (!whole || (x.Dialect == Dialect.Anthropic && !BatchLines.IsObject(body, "type", "error"))))
        {
            body = Envelope(x, reason, answer.IsTooLarge);
            status = status is >= 200 and < 300 ? StatusCodes.Status502BadGateway : status;
        }

        byte[] line = (call.Batch.Surface, succeeded) switch
        {
            (BatchSurface.Messages, true) => BatchLines.Succeeded(call.Item.CustomId, body),
            (BatchSurface.Messages, false) => BatchLines.Errored(call.Item.CustomId, body),
            _ => BatchLines.Answered(
                "batch_req_" + x.IdText[RequestId.Prefix.Length..], call.Item.CustomId, status, x.IdText, body),
        };
        var tokens = succeeded ? new BatchTokens(x.Tokens.Prompt, x.Tokens.CacheRead, x.Tokens.Output) : default;
        return new BatchAnswer(succeeded ? ItemOutcome.Succeeded : ItemOutcome.Errored, reason, line, tokens);
    }

    private static byte[] Envelope(Exchange x, Reason reason, bool tooLarge)
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>(256);
        ReasonRow row = ReasonTable.For(reason);
        bool anthropic = x.Dialect == Dialect.Anthropic;
        ErrorEnvelope.Write(
            output, x.Wire, anthropic ? row.AnthropicType : row.OpenAiType, anthropic ? null : row.OpenAiCode,
            tooLarge
                ? $"The answer was longer than {CapturedAnswer.MaxBytes:N0} bytes, the most that a batch keeps of one."
                : $"The provider refused the request with status {x.Http.Response.StatusCode}.",
            null, x.IdText);
        return output.WrittenSpan.ToArray();
    }

    private static string LineId(Batch batch, int item) =>
        $"batch_req_{batch.Id["batch_".Length..]}_{item.ToString(CultureInfo.InvariantCulture)}";
}

/// <summary>What the items of a batch are.</summary>
/// <param name="Dialect">The dialect that they speak.</param>
/// <param name="Embeds">They ask for embeddings.</param>
internal readonly record struct ItemKind(Dialect Dialect, bool Embeds = false);

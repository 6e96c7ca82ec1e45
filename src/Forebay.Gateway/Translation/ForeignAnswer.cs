using System.Buffers;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Relay;
using Forebay.Protocols;

namespace Forebay.Gateway.Translation;

/// <summary>Says an upstream's answer in the client's dialect.</summary>
internal sealed class ForeignAnswer(Exchange x, GatewayRuntime runtime, Dialect dialect)
{
    private readonly AnswerFrame _frame = new(
        x.IdText[RequestId.Prefix.Length..],
        x.Body!.WrittenMemory.Slice(x.Facts.ModelValue.Start, x.Facts.ModelValue.Length),
        x.Accepted.WallUnixMs / 1000,
        x.Facts.EstimatedInputTokens,
        x.Facts.IncludeUsage == true)
    {
        Request = x.Dialect == Dialect.Responses ? x.Body!.WrittenMemory : default,
        NamespacedTools = x.Foreign?[dialect]?.NamespacedTools ?? [],
    };

    /// <summary>The upstream's dialect.</summary>
    public WireDialect Wire => (WireDialect)dialect;

    public PooledBuffer NewBuffer() => new(runtime.Memory, x.Settings.MemoryBudgetBytes);

    /// <summary>What translates a stream that an observer follows.</summary>
    public StreamTranslator Stream(StreamObserver observer) => new(Wire, x.Wire, observer, _frame);

    /// <summary>Says a whole answer; a failure where that is not possible.</summary>
    public Failure? Translate(ReadOnlySpan<byte> answer, PooledBuffer into)
    {
        var writer = new BudgetedWriter(into);
        if (!AnswerTranslator.TryTranslate(Wire, x.Wire, answer, _frame, writer))
        {
            return new Failure(
                Reason.UpstreamProtocol,
                "The provider's answer calls a tool with arguments that are no JSON object; try again.",
                Detail: "tool arguments that are no JSON object");
        }

        return writer.Overflowed ? BodyRelay.OverBudget : null;
    }

    /// <summary>An upstream's own 4xx in the client's envelope, its message kept.</summary>
    public ReadOnlyMemory<byte> TranslateError(int status, ReadOnlySpan<byte> body)
    {
        _ = ResponseReader.TryRead(Wire, body, out ResponseFacts facts);
        string message = facts is { IsError: true, ErrorMessage: { Length: > 0 } told }
            ? told
            : $"The provider refused the request with status {status}.";
        return ErrorOf(x, status, message);
    }

    /// <summary>A provider's refusal in the client's envelope.</summary>
    public static ReadOnlyMemory<byte> ErrorOf(Exchange x, int status, string message)
    {
        string type = (status, x.Wire) switch
        {
            (403, _) => "permission_error",
            (404, WireDialect.Anthropic) => "not_found_error",
            (413, WireDialect.Anthropic) => "request_too_large",
            _ => "invalid_request_error",
        };
        var envelope = new ArrayBufferWriter<byte>(512);
        ErrorEnvelope.Write(envelope, x.Wire, type, null, message, null, x.IdText);
        x.Http.Response.ContentType = "application/json";
        return envelope.WrittenMemory;
    }
}

using System.Buffers;
using Forebay.Core.Time;
using Forebay.Emulator.Engine;
using Forebay.Emulator.Faults;
using Microsoft.AspNetCore.Http;

namespace Forebay.Emulator.Http;

/// <summary>Writes an answer as one JSON document once the engine has finished.</summary>
internal sealed class WholeAnswer(
    HttpContext http,
    EmulatedDeployment deployment,
    AnswerContext context,
    IAnswerWriter writer,
    Generation generation,
    Fault? fault)
{
    public async Task WriteAsync()
    {
        Instant start = deployment.Clock.Now;
        await generation.MoreThanAsync(generation.OutputTokens - 1);
        context.CachedTokens = generation.CachedTokens;
        if (fault is { Kind: FaultKind.Slow } slow)
        {
            double tookMs = deployment.Clock.Now.MsSince(start);
            await deployment.Clock.DelayAsync(tookMs * (slow.Amount - 1), http.RequestAborted);
        }

        var document = new ArrayBufferWriter<byte>(context.Answer.Bytes + 1024);
        writer.Whole(document);
        http.Response.ContentType = "application/json";
        await WriteAsync(document.WrittenMemory);
    }

    private async Task WriteAsync(ReadOnlyMemory<byte> document)
    {
        HttpResponse response = http.Response;
        switch (fault?.Kind)
        {
            case FaultKind.Stall:
                await Task.Delay(Timeout.InfiniteTimeSpan, deployment.Clock.Time, http.RequestAborted);
                break;
            case FaultKind.Garbage:
                response.BodyWriter.Write(Garbage.Bytes);
                break;
            case FaultKind.HalfEvent:
                response.BodyWriter.Write(document.Span[..(document.Length / 2)]);
                break;
            case FaultKind.Cut:
                response.ContentLength = document.Length;
                await response.BodyWriter.WriteAsync(document[..(document.Length / 2)], http.RequestAborted);
                throw new ConnectionCutException();
            case FaultKind.WrongLength:
                response.ContentLength = document.Length + 100;
                await response.BodyWriter.WriteAsync(document, http.RequestAborted);
                throw new ConnectionCutException();
            default:
                response.ContentLength = document.Length;
                await response.BodyWriter.WriteAsync(document, http.RequestAborted);
                break;
        }
    }
}

using Forebay.Core.Errors;
using Forebay.Gateway.Bodies;
using Forebay.Protocols;

namespace Forebay.Gateway.Pipeline;

/// <summary>Steps 2 and 3: the body, once, into pooled memory within every limit; then one forward pass over it.
/// </summary>
internal static class Acceptance
{
    public static async ValueTask<Failure> ReadAsync(Exchange x, GatewayRuntime runtime, bool countTokens)
    {
        BodyProblem problem = BodyReader.CheckHeaders(x.Http.Request, x.Settings.MaxBodyBytes);
        if (problem.Reason == Reason.None)
        {
            x.Body = new PooledBuffer(runtime.Memory, x.Settings.MemoryBudgetBytes);
            problem = await ReadBodyAsync(x, runtime);
        }

        if (problem.Reason != Reason.None)
        {
            x.Http.RequestAborted.ThrowIfCancellationRequested();
            return new Failure(problem.Reason, problem.Message);
        }

        if (x.Body!.Length > LongWork.Bytes)
        {
            await LongWork.ElsewhereAsync();
        }

        return Read(x, countTokens, out RequestProblem bad)
            ? Failure.None
            : new Failure(Reason.BadRequest, bad.Message, bad.Param);
    }

    private static bool Read(Exchange x, bool countTokens, out RequestProblem bad)
    {
        if (!x.Embeds)
        {
            return RequestReader.TryRead(x.Wire, x.Body!.Written, countTokens, out x.Facts, out bad);
        }

        bool read = EmbeddingRequestReader.TryRead(x.Body!.Written, out EmbeddingFacts facts, out bad);
        x.Facts = facts.Request;
        x.Items = facts.Items;
        x.LongestItemTokens = facts.LargestInputTokens;
        return read;
    }

    private static async ValueTask<BodyProblem> ReadBodyAsync(Exchange x, GatewayRuntime runtime)
    {
        // Small bodies come with their headers, nearly always: no deadline is needed for what is here.
        if (BodyReader.TryReadArrived(x.Http.Request, x.Body!, x.Settings.MaxBodyBytes, out BodyProblem problem))
        {
            return problem;
        }

        if (!BodyReader.IsPlain(x.Http.Request))
        {
            // A few kilobytes can decode to the largest body there may be.
            await LongWork.ElsewhereAsync();
        }

        using var deadline = new CancellationTokenSource(
            TimeSpan.FromSeconds(x.Settings.BodyTimeoutSeconds), runtime.Time);
        using CancellationTokenRegistration client = x.Http.RequestAborted.UnsafeRegister(
            static s => ((CancellationTokenSource)s!).Cancel(), deadline);
        try
        {
            return await BodyReader.ReadAsync(x.Http.Request, x.Body!, x.Settings.MaxBodyBytes, deadline.Token);
        }
        catch (OperationCanceledException) when (!x.Http.RequestAborted.IsCancellationRequested)
        {
            return new BodyProblem(
                Reason.RequestTimeout,
                $"The body did not arrive within {x.Settings.BodyTimeoutSeconds} s; send it again.");
        }
    }
}

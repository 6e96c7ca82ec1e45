using Forebay.Core.Errors;
using Forebay.Gateway.Bodies;
using Forebay.Protocols;

namespace Forebay.Gateway.Pipeline;

/// <summary>Steps 2 and 3: the body, once, into pooled memory within every limit; then one forward pass over it.
/// </summary>
internal static class Acceptance
{
    /// <summary>A body that takes longer than about a third of a millisecond to parse and hash.</summary>
    private const int LongParseBytes = 256 * 1024;

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

        if (x.Body!.Length > LongParseBytes)
        {
            // Other connections wait on this thread, where it is one that waits for sockets.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }

        return RequestReader.TryRead(x.Wire, x.Body!.Written, countTokens, out x.Facts, out RequestProblem bad)
            ? Failure.None
            : new Failure(Reason.BadRequest, bad.Message, bad.Param);
    }

    private static async ValueTask<BodyProblem> ReadBodyAsync(Exchange x, GatewayRuntime runtime)
    {
        // Small bodies come with their headers, nearly always: no deadline is needed for what is here.
        if (BodyReader.TryReadArrived(x.Http.Request, x.Body!, x.Settings.MaxBodyBytes, out BodyProblem problem))
        {
            return problem;
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

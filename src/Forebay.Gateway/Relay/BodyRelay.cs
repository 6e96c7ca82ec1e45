using System.Buffers;
using Forebay.Core.Errors;
using Forebay.Core.Time;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Providers;
using Forebay.Gateway.Translation;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols;

namespace Forebay.Gateway.Relay;

/// <summary>Step 9 for whole answers: read, check that it is an answer, record usage, send. Until the first byte goes
/// out a broken answer is another deployment's chance.</summary>
internal static class BodyRelay
{
    /// <summary>Answers up to this are put together before they are sent.</summary>
    private const int JoinedBytes = 16 * 1024;

    private const int ReadBytes = 16 * 1024;
    private const int MaxAnswerBytes = 256 * 1024 * 1024;

    /// <summary>What an answer that does not fit into the memory budget comes to.</summary>
    public static Failure OverBudget => new(
        Reason.MemoryBudget, "The server holds as many bytes as it may; try again shortly.", null, 1);

    /// <summary>
    /// Relays a 2xx answer.
    /// </summary>
    /// <param name="x">The exchange.</param>
    /// <param name="response">The upstream's answer, headers read.</param>
    /// <param name="modelJson">The model name to put back in place of the upstream's; empty to leave it.</param>
    /// <param name="clock">Deadlines.</param>
    /// <param name="runtime">Shared parts.</param>
    /// <param name="settle">Called once with the usage and the answer's bytes, before the answer goes out.</param>
    /// <param name="foreign">Says the answer in the client's dialect, where the upstream's is another.</param>
    public static async Task<AttemptResult> RunAsync(
        Exchange x,
        HttpResponseMessage response,
        ReadOnlyMemory<byte> modelJson,
        AttemptClock clock,
        GatewayRuntime runtime,
        Action<WireUsage, int> settle,
        ForeignAnswer? foreign = null)
    {
        using var buffer = new PooledBuffer(runtime.Memory, x.Settings.MemoryBudgetBytes);
        if (await ReadAllAsync(response, buffer, MaxAnswerBytes, clock) is { } broken)
        {
            return Broken(broken);
        }

        if (buffer.Length > LongWork.Bytes)
        {
            await LongWork.ElsewhereAsync();
        }

        if (!TryRead(x, foreign, buffer.Written, out ResponseFacts facts) || facts.IsError)
        {
            return AttemptResult.Elsewhere(new Failure(
                Reason.UpstreamProtocol,
                "The provider's answer was not a valid message; try again.",
                Detail: facts.IsError ? "an error inside a 200" : $"{buffer.Length} bytes that are no answer"));
        }

        using PooledBuffer? translated = foreign?.NewBuffer();
        if (translated is not null && foreign!.Translate(buffer.Written, translated) is { } untold)
        {
            // What a prompt makes a model say is no fault of its deployment's.
            return Broken(untold) with { Blame = false };
        }

        x.TimeToFirstTokenMs = Instant.From(runtime.Time).MsSince(x.Accepted);
        SetHead(x, response, foreign is not null);
        if (x.Issued is { } issued)
        {
            IssuedState.ReadAnswer(x.Wire, translated is null ? buffer.Written : translated.Written, issued);
        }

        settle(facts.Usage, buffer.Length);
        await (translated is null
            ? SendAsync(x, buffer.WrittenMemory, facts.ModelValue, modelJson, runtime.Time)
            : SendAsync(x, translated.WrittenMemory, default, default, runtime.Time));
        return AttemptResult.Served;
    }

    /// <summary>Relays an upstream's own 4xx word for word: clients match on its wording. One in another dialect, or in
    /// an envelope of the provider's own, keeps its message, in the client's envelope.</summary>
    public static async Task<AttemptResult> RunVerbatimAsync(
        Exchange x,
        HttpResponseMessage response,
        AttemptClock clock,
        GatewayRuntime runtime,
        Action settle,
        ProviderAdapter adapter,
        ForeignAnswer? foreign = null)
    {
        const int maxErrorBytes = 4 * 1024 * 1024;
        using var buffer = new PooledBuffer(runtime.Memory, x.Settings.MemoryBudgetBytes);
        if (await ReadAllAsync(response, buffer, maxErrorBytes, clock) is { } broken)
        {
            return Broken(broken);
        }

        if (x.Stream is { } stream && !await stream.TryTakeAsync(x.Http.RequestAborted))
        {
            // Keep-alives already went out as a 200: the refusal can only follow as an in-stream error.
            string words = $"The provider refused the request with status {(int)response.StatusCode}.";
            return AttemptResult.Fail(new Failure(Reason.UpstreamRefused, words), blame: false);
        }

        int status = (int)response.StatusCode;
        string? message = adapter.ErrorMessageOf(response, buffer.Written);
        SetHead(x, response, foreign is not null || message is not null);
        settle();
        ReadOnlyMemory<byte> body = message is not null ? ForeignAnswer.ErrorOf(x, status, message)
            : adapter.CountOf(buffer.Written) is { } count ? CountTokens.Of(count)
            : foreign?.TranslateError(status, buffer.Written) ?? buffer.WrittenMemory;
        await SendAsync(x, body, default, default, runtime.Time);
        return AttemptResult.Served;
    }

    /// <summary>Another deployment may do better, but not where it is our own memory that is used up.</summary>
    public static AttemptResult Broken(Failure failure) => failure.Reason == Reason.MemoryBudget
        ? AttemptResult.Fail(failure, blame: false)
        : AttemptResult.Elsewhere(failure);

    private static bool TryRead(Exchange x, ForeignAnswer? foreign, ReadOnlySpan<byte> body, out ResponseFacts facts) =>
        x.Embeds ? ResponseReader.TryReadEmbeddings(body, out facts)
            : ResponseReader.TryRead(foreign?.Wire ?? x.Wire, body, out facts);

    private static void SetHead(Exchange x, HttpResponseMessage response, bool translated)
    {
        HeaderPolicy.CopyResponse(response, x.Http.Response.Headers, translated);
        if (x.Deployment is { } deployment)
        {
            PipelineHeaders.Served(x, deployment, x.Http.Response.Headers);
        }

        x.Http.Response.StatusCode = x.Status = (int)response.StatusCode;
    }

    private static async ValueTask<Failure?> ReadAllAsync(
        HttpResponseMessage response,
        PooledBuffer into,
        int maxBytes,
        AttemptClock clock)
    {
        await using Stream source = await UpstreamBody.OpenAsync(response, clock.Token);
        long expected = response.Content.Headers.ContentLength ?? 0;
        int chunk = (int)Math.Clamp(expected + 1, ReadBytes, 1024 * 1024);
        while (true)
        {
            if (into.Length > maxBytes)
            {
                return new Failure(
                    Reason.UpstreamProtocol, "The provider's answer was too large to relay.", Detail: "answer size");
            }

            if (!into.TryReserve(into.Length == 0 ? chunk : ReadBytes))
            {
                return OverBudget;
            }

            int read = await source.ReadAsync(into.Free, clock.Token);
            if (read == 0)
            {
                return null;
            }

            clock.Expect(AttemptPhase.NextByte);
            into.Advance(read);
        }
    }

    private static async ValueTask SendAsync(
        Exchange x,
        ReadOnlyMemory<byte> body,
        ByteRange modelValue,
        ReadOnlyMemory<byte> modelJson,
        TimeProvider time)
    {
        using var client = new ClientCut(x.Http, TimeSpan.FromSeconds(x.Settings.ClientStallSeconds), time);
        try
        {
            if (modelJson.IsEmpty || modelValue.IsEmpty)
            {
                x.Http.Response.ContentLength = body.Length;
                await client.WriteAsync(body);
                return;
            }

            int length = body.Length - modelValue.Length + modelJson.Length;
            x.Http.Response.ContentLength = length;
            if (length <= JoinedBytes)
            {
                // One write is one packet; three would be three.
                byte[] joined = ArrayPool<byte>.Shared.Rent(length);
                body[..modelValue.Start].CopyTo(joined);
                modelJson.CopyTo(joined.AsMemory(modelValue.Start));
                body[modelValue.End..].CopyTo(joined.AsMemory(modelValue.Start + modelJson.Length));
                await client.WriteAsync(joined.AsMemory(0, length));
                ArrayPool<byte>.Shared.Return(joined);
                return;
            }

            await client.WriteAsync(body[..modelValue.Start]);
            await client.WriteAsync(modelJson);
            await client.WriteAsync(body[modelValue.End..]);
        }
        finally
        {
            x.ClientStalled |= client.Stalled;
        }
    }
}

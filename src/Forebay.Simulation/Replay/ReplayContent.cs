using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay;

/// <summary>
/// The body of one replayed request, written straight to the connection: a long prompt costs no memory of its own.
/// </summary>
internal sealed class ReplayContent : HttpContent
{
    private static readonly byte[] Tail = "\"}]}"u8.ToArray();
    private readonly byte[] _head;
    private readonly ReplayPrompt _prompt;

    /// <param name="dialect">Wire format.</param>
    /// <param name="model">Model to ask for.</param>
    /// <param name="request">The turn that <paramref name="prompt"/> has begun.</param>
    /// <param name="prompt">The prompt; must not move on while this is sent.</param>
    public ReplayContent(ReplayDialect dialect, string model, TraceRequest request, ReplayPrompt prompt)
    {
        string usage = dialect == ReplayDialect.OpenAi ? "\"stream_options\":{\"include_usage\":true}," : "";
        JsonEncodedText name = JsonEncodedText.Encode(model);
        _head = Encoding.UTF8.GetBytes($$"""
            {"model":"{{name}}","max_tokens":{{OutputTokens(request)}},"stream":true,{{usage}}"messages":[
            {"role":"user","content":"
            """);
        _prompt = prompt;
        Headers.ContentType = new MediaTypeHeaderValue("application/json");
    }

    /// <summary>Traces hold a few empty prompts and answers; no API takes those, so they are sent as one token.
    /// </summary>
    public static int InputTokens(TraceRequest request) => Math.Max(1, request.InputTokens);

    /// <inheritdoc cref="InputTokens"/>
    public static int OutputTokens(TraceRequest request) => Math.Max(1, request.OutputTokens);

    protected override bool TryComputeLength(out long length)
    {
        length = _head.Length + _prompt.JsonBytes + Tail.Length;
        return true;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(_head, cancellationToken).ConfigureAwait(false);
        await _prompt.WriteAsync(stream, cancellationToken).ConfigureAwait(false);
        await stream.WriteAsync(Tail, cancellationToken).ConfigureAwait(false);
    }
}

using System.Buffers;
using Forebay.Protocols.Translation;

namespace Forebay.Protocols;

/// <summary>What became of a request that was translated.</summary>
/// <param name="Facts">Where in the translated body stands what may have to change on its way: the model, which has the
/// client's name yet, and <c>stream</c>.</param>
/// <param name="Dropped">Names of what was dropped, each once.</param>
/// <param name="Problems">Why the request cannot be said in the target's dialect, all of it: a field and what to do
/// about it each. Empty where it can; then and only then the body is to be sent.</param>
public sealed record RequestTranslation(
    RequestFacts Facts, IReadOnlyList<string> Dropped, IReadOnlyList<string> Problems)
{
    /// <summary>Tools whose namespace became part of their name, for the answer to tell them apart again.</summary>
    public IReadOnlyList<NamespacedTool> NamespacedTools { get; init; } = [];
}

/// <summary>
/// Translates requests between dialects, through one canonical form: a reader and a writer per dialect, and one table
/// that says of each field whether it is carried, dropped and named, or refused.
/// </summary>
public static class RequestTranslator
{
    private static ReadOnlySpan<byte> Head => "{\"model\":"u8;

    private static ReadOnlySpan<byte> StreamMember => "\"stream\":true"u8;

    /// <summary>Translates one request. Cost is linear in its length.</summary>
    /// <param name="from">The dialect of the body.</param>
    /// <param name="to">The dialect to write.</param>
    /// <param name="body">A body that <see cref="RequestReader"/> accepted.</param>
    /// <param name="facts">What it found.</param>
    /// <param name="maxOutputTokens">The model's longest answer in tokens, for a dialect that must be told.</param>
    /// <param name="output">Where the translated body is written.</param>
    public static RequestTranslation Translate(
        WireDialect from,
        WireDialect to,
        ReadOnlyMemory<byte> body,
        in RequestFacts facts,
        int maxOutputTokens,
        IBufferWriter<byte> output)
    {
        var scan = new RequestScan(body, to);
        var request = new CanonicalRequest
        {
            Model = facts.ModelValue,
            MaxTokens = facts.MaxTokens,
            Stream = facts.Stream,
        };
        int start = RequestReader.ByteOrderMarkLength(body.Span);
        switch (from)
        {
            case WireDialect.Anthropic:
                new AnthropicRequestReader(scan, request).Read(start);
                break;
            case WireDialect.Responses:
                new ResponsesRequestReader(scan, request).Read(start);
                break;
            default:
                new OpenAiRequestReader(scan, request).Read(start);
                break;
        }

        if (request.Turns.Count > 0 && request.Turns[^1].Role == TurnRole.Assistant)
        {
            scan.Refuse(
                from == WireDialect.Responses ? "input" : "messages",
                TranslationTable.Toward(to, Meaning.Prefill).Note);
        }

        if (to == WireDialect.Anthropic)
        {
            AnthropicRequestWriter.Check(request, scan);
        }
        else if (to == WireDialect.Converse)
        {
            ConverseRequestWriter.Check(request, scan);
        }

        if (scan.Problems.Count == 0)
        {
            Write(to, request, scan, maxOutputTokens, output);
        }

        return new RequestTranslation(FactsOf(in facts, to), scan.Dropped, scan.Problems)
        {
            NamespacedTools = scan.NamespacedTools,
        };
    }

    /// <summary>Begins a body: the model first, then whether it is streamed, so that their places are known.</summary>
    internal static void WriteHead(ref WireOutput output, CanonicalRequest request, scoped ReadOnlySpan<byte> token)
    {
        output.Raw(Head);
        output.Raw(token);
        if (request.Stream)
        {
            output.Raw((byte)',');
            output.Raw(StreamMember);
        }
    }

    private static RequestFacts FactsOf(in RequestFacts client, WireDialect to)
    {
        if (to == WireDialect.Converse)
        {
            // The model and whether to stream stand in the path.
            return new RequestFacts { Model = client.Model, Stream = client.Stream, ObjectStart = 1 };
        }

        var model = new ByteRange(Head.Length, client.ModelValue.Length);
        return new RequestFacts
        {
            Model = client.Model,
            ModelValue = model,
            ModelMember = ByteRange.Between(1, model.End),
            Stream = client.Stream,
            StreamMember = client.Stream ? new ByteRange(model.End + 1, StreamMember.Length) : default,
            ObjectStart = 1,
        };
    }

    private static void Write(
        WireDialect to,
        CanonicalRequest request,
        RequestScan scan,
        int maxOutputTokens,
        IBufferWriter<byte> output)
    {
        switch (to)
        {
            case WireDialect.Anthropic:
                new AnthropicRequestWriter(request, scan, maxOutputTokens, new WireOutput(output)).Write();
                break;
            case WireDialect.Responses:
                new ResponsesRequestWriter(request, scan, new WireOutput(output)).Write();
                break;
            case WireDialect.Converse:
                new ConverseRequestWriter(request, scan, maxOutputTokens, new WireOutput(output)).Write();
                break;
            default:
                new OpenAiRequestWriter(request, scan, new WireOutput(output)).Write();
                break;
        }
    }
}

using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Relay;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols;

namespace Forebay.Gateway.Translation;

/// <summary>A request said in a dialect that is not the client's: made once, sent as often as it is tried.</summary>
internal sealed class ForeignRequest : IDisposable
{
    private const string Version = "anthropic-version";

    /// <summary>The version that every Anthropic endpoint knows, engines included.</summary>
    private const string KnownVersion = "2023-06-01";

    private const string Beta = "anthropic-beta";

    /// <summary>What the canonical form takes beside the body, at most, as a share of it: its blocks are as small as
    /// their sources.</summary>
    private const int FormShare = 3;

    private readonly PooledBuffer _body;
    private readonly ByteRange _modelValue;

    private ForeignRequest(Dialect dialect, PooledBuffer body, ByteRange modelValue, string dropped, Failure failure)
    {
        Dialect = dialect;
        _body = body;
        _modelValue = modelValue;
        Dropped = dropped;
        Failure = failure;
    }

    public Dialect Dialect { get; }

    /// <summary>Tools whose namespace became part of their name.</summary>
    public IReadOnlyList<NamespacedTool> NamespacedTools { get; private init; } = [];

    /// <summary>What was dropped, for the header; empty for nothing.</summary>
    public string Dropped { get; }

    /// <summary>Why it cannot be said in that dialect; nothing where it can.</summary>
    public Failure Failure { get; }

    /// <summary>Says a request in another dialect.</summary>
    public static ForeignRequest Of(Exchange x, GatewayRuntime runtime, Dialect dialect)
    {
        long limit = x.Settings.MemoryBudgetBytes;
        var body = new PooledBuffer(runtime.Memory, limit);
        long form = (long)x.Body!.Length * FormShare;
        if (!body.TryReserve(x.Body.Length) || !runtime.Memory.TryTake(form, limit))
        {
            return new ForeignRequest(dialect, body, default, "", BodyRelay.OverBudget);
        }

        var writer = new BudgetedWriter(body);
        RequestTranslation result;
        try
        {
            result = RequestTranslator.Translate(
                x.Wire,
                (WireDialect)dialect,
                x.Body.WrittenMemory,
                in x.Facts,
                x.Model!.Config.MaxOutputTokens,
                writer);
        }
        catch
        {
            body.Dispose();
            throw;
        }
        finally
        {
            runtime.Memory.Return(form);
        }

        Failure failure = result.Problems.Count > 0 ? Refusal(x, dialect, result.Problems)
            : writer.Overflowed ? BodyRelay.OverBudget
            : Failure.None;
        return new ForeignRequest(dialect, body, result.ModelValue, DroppedOf(x, result.Dropped), failure)
        {
            NamespacedTools = result.NamespacedTools,
        };
    }

    /// <summary>The request for a deployment that speaks the dialect.</summary>
    public HttpRequestMessage BuildRequest(Exchange x, Deployment deployment, Upstream upstream)
    {
        var splices = default(SpliceList);
        if (deployment.UpstreamModel != x.Facts.Model)
        {
            splices.Add(new Splice(_modelValue.Start, _modelValue.Length, upstream.ModelJson));
        }

        GeographySplice geography = AskedPlaces.SpliceFor(x, deployment, Dialect);
        if (!geography.Json.IsEmpty)
        {
            // What the translator writes begins with its brace.
            splices.Add(RequestSplicer.AskForGeography(1, geography.Json));
        }

        var request = new HttpRequestMessage(
            HttpMethod.Post,
            Dialect switch
            {
                Dialect.Anthropic => upstream.MessagesUri(null),
                Dialect.Responses => upstream.PathUri("v1/responses"),
                _ => upstream.ChatCompletionsUri,
            })
        {
            Content = new SplicedContent(_body.WrittenMemory, splices),
        };
        HeaderPolicy.CopyRequest(
            x.Http.Request.Headers, request, Dialect, deployment.Backing, upstream.Secret, HeaderPolicy.IsOfOneDialect);
        if (Dialect == Dialect.Anthropic)
        {
            request.Headers.TryAddWithoutValidation(Version, KnownVersion);
        }

        return request;
    }

    public void Dispose() => _body.Dispose();

    private static string DroppedOf(Exchange x, IReadOnlyList<string> fields)
    {
        // Betas say which of Anthropic's unreleased features are wanted: outside of it there are none.
        IEnumerable<string> betas = x.Http.Request.Headers[Beta]
            .SelectMany(value => (value ?? "").Split(',', StringSplitOptions.TrimEntries))
            .Where(beta => beta.Length is > 0 and <= 128
                && beta.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
        return string.Join(", ", fields.Concat(betas).Distinct(StringComparer.Ordinal));
    }

    private static Failure Refusal(Exchange x, Dialect dialect, IReadOnlyList<string> problems)
    {
        string name = dialect == Dialect.Anthropic ? "Anthropic" : "OpenAI";
        string path = dialect == Dialect.Anthropic ? "/v1/messages" : "/v1/chat/completions";
        return new Failure(
            Reason.Untranslatable,
            $"{x.Model!.Id} is served in the {name} dialect, in which this request cannot be said. Change what " +
            $"follows, call POST {path}, or choose another model. {string.Join(". ", problems)}.");
    }
}

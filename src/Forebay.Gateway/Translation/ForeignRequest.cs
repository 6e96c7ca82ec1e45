using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Providers;
using Forebay.Gateway.Relay;
using Forebay.Protocols;

namespace Forebay.Gateway.Translation;

/// <summary>A request said in a dialect that is not the client's: made once, sent as often as it is tried.</summary>
internal sealed class ForeignRequest : IDisposable
{
    private const string Beta = "anthropic-beta";

    /// <summary>What the canonical form takes beside the body, at most, as a share of it: its blocks are as small as
    /// their sources.</summary>
    private const int FormShare = 3;

    private readonly PooledBuffer _body;
    private readonly RequestFacts _facts;

    private ForeignRequest(Dialect dialect, PooledBuffer body, RequestFacts facts, string dropped, Failure failure)
    {
        Dialect = dialect;
        _body = body;
        _facts = facts;
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
        return new ForeignRequest(dialect, body, result.Facts, DroppedOf(x, result.Dropped), failure)
        {
            NamespacedTools = result.NamespacedTools,
        };
    }

    /// <summary>The request for a deployment that speaks the dialect.</summary>
    public ProviderRequest For(Exchange x, Deployment deployment) => new()
    {
        Call = ProviderCall.Generate,
        Dialect = Dialect,
        Translated = true,
        Headers = x.Http.Request.Headers,
        Body = _body.WrittenMemory,
        Facts = _facts,
        Geography = AskedPlaces.SpliceFor(x, deployment, Dialect),
    };

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
        (string name, string? path) = dialect switch
        {
            Dialect.Anthropic => ("Anthropic", "/v1/messages"),
            Dialect.OpenAi => ("OpenAI", "/v1/chat/completions"),
            Dialect.Responses => ("OpenAI responses", "/v1/responses"),
            _ => ("Bedrock Converse", null),
        };
        string instead = path is null ? "or" : $"call POST {path}, or";
        return new Failure(
            Reason.Untranslatable,
            $"{x.Model!.Id} is served in the {name} dialect, in which this request cannot be said. Change what " +
            $"follows, {instead} choose another model. {string.Join(". ", problems)}.");
    }
}

using Forebay.Core.Serving;
using Forebay.Gateway.Providers.Credentials;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols;

namespace Forebay.Gateway.Providers.Azure;

/// <summary>
/// Microsoft Foundry and Azure OpenAI: the vendors' own bodies under Azure's paths, models called by their deployments'
/// names, with the resource's key or a token of Entra ID.
/// </summary>
internal sealed class AzureAdapter : ProviderAdapter
{
    private const string Version = "anthropic-version";
    private const string KnownVersion = "2023-06-01";

    private readonly Uri _messages;
    private readonly Uri _countTokens;
    private readonly Uri _chatCompletions;
    private readonly Uri _responses;
    private readonly Uri _embeddings;
    private readonly string? _key;
    private readonly EntraToken? _entra;
    private readonly RefreshedToken? _token;

    /// <param name="identity">What the upstream is made from.</param>
    /// <param name="secret">The resource's key or, where Entra ID is asked for tokens, the client's secret.</param>
    /// <param name="time">Clock and timers.</param>
    public AzureAdapter(UpstreamIdentity identity, string? secret, TimeProvider time)
        : base(identity)
    {
        _messages = Under("anthropic/v1/messages");
        _countTokens = Under("anthropic/v1/messages/count_tokens");
        string openAi = "openai/v1/";
        string version = "";
        if (identity.Azure?.ApiVersion is { } asked)
        {
            openAi = $"openai/deployments/{Uri.EscapeDataString(identity.Model)}/";
            version = $"?api-version={asked}";
        }

        _chatCompletions = Under($"{openAi}chat/completions{version}");
        _embeddings = Under($"{openAi}embeddings{version}");
        // There is no path by deployment for responses: the model is in the body either way.
        _responses = Under($"openai/{(version.Length == 0 ? "v1/" : "")}responses{version}");
        if (identity.Azure?.Entra is { } entra)
        {
            _entra = new EntraToken(entra, secret, identity.Proxy, time);
            _token = new RefreshedToken(_entra.FetchAsync, time);
        }
        else
        {
            _key = secret;
        }
    }

    public override bool Does(ProviderCall call, Dialect dialect) =>
        dialect != Dialect.Converse && (call != ProviderCall.CountTokens || dialect == Dialect.Anthropic);

    public override Uri UriOf(in ProviderRequest request) => (request.Call, request.Dialect) switch
    {
        (ProviderCall.Embed, _) => _embeddings,
        (ProviderCall.CountTokens, _) => _countTokens,
        (_, Dialect.Anthropic) => _messages,
        (_, Dialect.Responses) => _responses,
        _ => _chatCompletions,
    };

    /// <summary>Where to compute is the deployment's type to say: <c>inference_geo</c> goes out of Anthropic's bodies.
    /// </summary>
    public override BodyChanges ChangesOf(in ProviderRequest request) => base.ChangesOf(in request) with
    {
        Geography = new GeographySplice(request.Dialect != Dialect.Anthropic, default),
    };

    public override void AddHeaders(in ProviderRequest request, HttpRequestMessage to)
    {
        if (request is { Translated: true, Dialect: Dialect.Anthropic })
        {
            to.Headers.TryAddWithoutValidation(Version, KnownVersion);
        }
    }

    public override ValueTask AuthorizeAsync(HttpRequestMessage request, Dialect dialect, CancellationToken cancel)
    {
        if (_token is null)
        {
            request.Headers.TryAddWithoutValidation(dialect == Dialect.Anthropic ? "x-api-key" : "api-key", _key);
            return ValueTask.CompletedTask;
        }

        return _token.AuthorizeAsync(request, cancel);
    }

    public override ValueTask<bool> RenewAsync(HttpResponseMessage refused, CancellationToken cancel) =>
        _token is not null && (int)refused.StatusCode == 401
            ? _token.RenewAsync(refused, cancel)
            : new ValueTask<bool>(false);

    /// <summary>A role that is missing and a deployment that is not there concern our resource.</summary>
    public override AnswerMeaning MeaningOf(HttpResponseMessage response) => (int)response.StatusCode is 403 or 404
        ? AnswerMeaning.Account
        : base.MeaningOf(response);

    /// <summary>Azure's front speaks for itself, in an envelope of its own.</summary>
    public override string? ErrorMessageOf(HttpResponseMessage response, ReadOnlySpan<byte> body) =>
        response.RequestMessage?.RequestUri is { } asked && (asked == _messages || asked == _countTokens)
            ? ForeignEnvelope.MessageOf(body)
            : null;

    protected override void Dispose(bool disposing)
    {
        _token?.Dispose();
        _entra?.Dispose();
        base.Dispose(disposing);
    }
}

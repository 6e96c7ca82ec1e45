using Forebay.Core.Serving;
using Forebay.Gateway.Upstreams;

namespace Forebay.Gateway.Providers.Direct;

/// <summary>An endpoint that is called as the dialects' vendors are: Anthropic, OpenAI, and the engines that speak as
/// they do.</summary>
internal sealed class DirectAdapter : ProviderAdapter
{
    /// <summary>The one query that older clients send with beta features. No other is passed on: it may hold the
    /// client's credential.</summary>
    private const string Beta = "?beta=true";

    private const string Version = "anthropic-version";

    /// <summary>The version that every Anthropic endpoint knows, engines included.</summary>
    private const string KnownVersion = "2023-06-01";

    private readonly Uri _messages;
    private readonly Uri _messagesBeta;
    private readonly Uri _countTokens;
    private readonly Uri _countTokensBeta;
    private readonly Uri _chatCompletions;
    private readonly Uri _responses;
    private readonly Uri _embeddings;
    private readonly string? _secret;
    private readonly string? _bearer;

    public DirectAdapter(UpstreamIdentity identity, string? secret)
        : base(identity)
    {
        _messages = Under("v1/messages");
        _messagesBeta = new Uri(_messages, Beta);
        _countTokens = Under("v1/messages/count_tokens");
        _countTokensBeta = new Uri(_countTokens, Beta);
        _chatCompletions = Under("v1/chat/completions");
        _responses = Under("v1/responses");
        _embeddings = Under("v1/embeddings");
        _secret = secret;
        _bearer = secret is null ? null : "Bearer " + secret;
    }

    public override Uri UriOf(in ProviderRequest request) => (request.Call, request.Dialect) switch
    {
        (ProviderCall.Embed, _) => _embeddings,
        (ProviderCall.CountTokens, _) => request.Query == Beta ? _countTokensBeta : _countTokens,
        (_, Dialect.Anthropic) => request.Query == Beta ? _messagesBeta : _messages,
        (_, Dialect.Responses) => _responses,
        _ => _chatCompletions,
    };

    public override void AddHeaders(in ProviderRequest request, HttpRequestMessage to)
    {
        if (request is { Translated: true, Dialect: Dialect.Anthropic })
        {
            to.Headers.TryAddWithoutValidation(Version, KnownVersion);
        }
    }

    public override string? ErrorMessageOf(HttpResponseMessage response, ReadOnlySpan<byte> body) =>
        response.RequestMessage?.RequestUri?.AbsolutePath is { } path
        && (path == _messages.AbsolutePath || path == _countTokens.AbsolutePath)
            ? ForeignEnvelope.MessageOf(body)
            : null;

    public override ValueTask AuthorizeAsync(
        HttpRequestMessage request, Dialect dialect, CancellationToken cancel)
    {
        if (_secret is null)
        {
            return ValueTask.CompletedTask;
        }

        // Vendors' Anthropic endpoints read x-api-key; self-hosted engines read Bearer in both dialects.
        if (dialect == Dialect.Anthropic && Identity.Backing == Backing.Cloud)
        {
            request.Headers.TryAddWithoutValidation("x-api-key", _secret);
        }
        else
        {
            request.Headers.TryAddWithoutValidation("Authorization", _bearer);
        }

        return ValueTask.CompletedTask;
    }
}

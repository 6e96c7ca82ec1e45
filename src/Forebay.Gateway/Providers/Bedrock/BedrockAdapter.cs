using System.Buffers;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols;
using Forebay.Protocols.Bedrock;

namespace Forebay.Gateway.Providers.Bedrock;

/// <summary>Amazon Bedrock's runtime: Claude through InvokeModel with its Messages body, any model through Converse;
/// signed, or with a Bedrock API key.</summary>
internal sealed class BedrockAdapter : ProviderAdapter
{
    /// <summary>Headers that are Bedrock's to say of itself.</summary>
    private const string ErrorType = "x-amzn-errortype";

    private const string Frames = "application/vnd.amazon.eventstream";
    private const string Json = "application/json";
    private const string Beta = "anthropic-beta";
    private const string Version = "anthropic-version";
    private const int MostErrorBytes = 64 * 1024;

    private readonly AwsConfig _aws;
    private readonly BetaRules _betas;
    private readonly Uri _invoke;
    private readonly Uri _invokeStream;
    private readonly Uri _converse;
    private readonly Uri _converseStream;
    private readonly Uri? _countTokens;
    private readonly AwsSigner? _signer;
    private readonly string? _shared;
    private readonly string? _bearer;

    /// <param name="identity">What the upstream is made from.</param>
    /// <param name="secret">A reference to an identity of AWS (<c>aws:default</c>), or a Bedrock API key.</param>
    /// <exception cref="InvalidOperationException">The region or the credential is missing.</exception>
    /// <param name="time">The clock that requests are signed by.</param>
    public BedrockAdapter(UpstreamIdentity identity, string? secret, TimeProvider time)
        : base(identity)
    {
        _aws = identity.Aws ?? throw new InvalidOperationException("api bedrock is called with aws: {region: ...}.");
        _betas = new BetaRules(_aws.AllowBetas, _aws.RefuseBetas);
        _invoke = Under(PathOf(identity.Model, "invoke"));
        _invokeStream = Under(PathOf(identity.Model, "invoke-with-response-stream"));
        _converse = Under(PathOf(identity.Model, "converse"));
        _converseStream = Under(PathOf(identity.Model, "converse-stream"));
        _countTokens = CountedModelOf(identity.Model) is { } counted ? Under(PathOf(counted, "count-tokens")) : null;
        switch (secret)
        {
            case null:
                throw new InvalidOperationException("api bedrock is called with a credential.");
            case var reference when reference.StartsWith(SecretReference.AwsPrefix, StringComparison.Ordinal):
                _shared = reference;
                _signer = new AwsSigner(AwsCredentialSources.Take(reference), _aws.Region, time);
                break;
            default:
                _bearer = "Bearer " + secret;
                break;
        }
    }

    public override bool Does(ProviderCall call, Dialect dialect) => call switch
    {
        ProviderCall.Generate => true,
        ProviderCall.CountTokens => dialect == Dialect.Anthropic && _countTokens is not null,
        _ => false,
    };

    public override Uri UriOf(in ProviderRequest request) => request switch
    {
        { Call: ProviderCall.CountTokens } => _countTokens!,
        { Dialect: Dialect.Converse, Facts.Stream: true } => _converseStream,
        { Dialect: Dialect.Converse } => _converse,
        { Facts.Stream: true } => _invokeStream,
        _ => _invoke,
    };

    /// <summary>What was said to Anthropic is said in the body; what AWS reads is ours to say.</summary>
    public override bool Drops(string header, in ProviderRequest request) =>
        HeaderPolicy.IsOfOneDialect(header)
        || header.StartsWith("x-amz", StringComparison.OrdinalIgnoreCase)
        || header.Equals("Accept", StringComparison.OrdinalIgnoreCase)
        || header.Equals("Content-Type", StringComparison.OrdinalIgnoreCase);

    public override void AddHeaders(in ProviderRequest request, HttpRequestMessage to)
    {
        to.Content!.Headers.TryAddWithoutValidation("Content-Type", Json);
        bool streams = request is { Call: ProviderCall.Generate, Facts.Stream: true };
        to.Headers.TryAddWithoutValidation("Accept", streams ? Frames : Json);
        if (request is { Call: ProviderCall.Generate, Dialect: Dialect.Anthropic })
        {
            to.Headers.TryAddWithoutValidation("X-Amzn-Bedrock-Accept", Json);
        }
    }

    public override ValueTask AuthorizeAsync(HttpRequestMessage request, Dialect dialect, CancellationToken cancel)
    {
        if (_signer is not null)
        {
            return _signer.SignAsync(request, cancel);
        }

        request.Headers.TryAddWithoutValidation("Authorization", _bearer);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<bool> RenewAsync(HttpResponseMessage refused, CancellationToken cancel) =>
        _signer is null ? new(false) : _signer.LearnAsync(refused, ErrorOf(refused), cancel);

    public override AnswerMeaning MeaningOf(HttpResponseMessage response)
    {
        AnswerMeaning byStatus = base.MeaningOf(response);
        if (byStatus != AnswerMeaning.Success && response.RequestMessage?.RequestUri == _countTokens)
        {
            // Not every model's tokens are counted there; a count that fails is estimated.
            return AnswerMeaning.Failure;
        }

        return byStatus == AnswerMeaning.Success ? byStatus : ErrorOf(response) switch
        {
            BedrockError.Throttled or BedrockError.QuotaExceeded => AnswerMeaning.RateLimit,
            BedrockError.ModelNotReady or BedrockError.Unavailable => AnswerMeaning.Overload,
            BedrockError.ModelTimeout => AnswerMeaning.Timeout,
            BedrockError.ModelError or BedrockError.Internal => AnswerMeaning.Failure,
            BedrockError.Validation => AnswerMeaning.Refusal,
            BedrockError.Unknown => (int)response.StatusCode is 403 or 404 ? AnswerMeaning.Account : byStatus,

            // What the account may use, and under which name, is the operator's to set right.
            _ => AnswerMeaning.Account,
        };
    }

    /// <summary>The name that Bedrock gives an error; null where it gives none.</summary>
    public override string? DetailOf(HttpResponseMessage response) =>
        response.Headers.NonValidated.TryGetValues(ErrorType, out var values) ? values.ToString().Split(':')[0] : null;

    public override string? ErrorMessageOf(HttpResponseMessage response, ReadOnlySpan<byte> body) =>
        ResponseReader.TryRead(WireDialect.Converse, body, out ResponseFacts facts) && facts.IsError
            ? facts.ErrorMessage
            : null;

    public override long? CountOf(ReadOnlySpan<byte> body) =>
        ResponseReader.TryRead(WireDialect.Converse, body, out ResponseFacts facts) ? facts.CountedInputTokens : null;

    public override bool IsStream(string? mediaType) => mediaType == Frames;

    public override Stream OpenEvents(Stream body, Dialect dialect) => new EventStreamBody(
        body, dialect == Dialect.Converse ? BedrockStreamKind.Converse : BedrockStreamKind.Invoke);

    /// <summary>The message of a refusal, as far as it is short.</summary>
    internal static async ValueTask<string> MessageOfAsync(HttpResponseMessage refused, CancellationToken cancel)
    {
        byte[] body = ArrayPool<byte>.Shared.Rent(MostErrorBytes);
        try
        {
            await using Stream stream = await refused.Content.ReadAsStreamAsync(cancel);
            int length = await stream.ReadAtLeastAsync(body, MostErrorBytes, throwOnEndOfStream: false, cancel);
            return ResponseReader.TryRead(WireDialect.Converse, body.AsSpan(0, length), out ResponseFacts facts)
                ? facts.ErrorMessage ?? ""
                : "";
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(body);
        }
    }

    protected override SplicedContent ContentOf(in ProviderRequest request, out IReadOnlyList<string> leftOut)
    {
        leftOut = [];
        if (request.Dialect == Dialect.Converse)
        {
            return new SplicedContent(request.Body, default);
        }

        IReadOnlyList<string>? droppedBetas = null;
        IReadOnlyList<string> betas = request.Translated || request.Headers[Beta] is { Count: 0 }
            ? []
            : _betas.Select(request.Headers[Beta].OfType<string>(), out droppedBetas);
        bool counts = request.Call == ProviderCall.CountTokens;
        InvokeEdits edits = InvokeRequest.For(request.Facts, request.Body.Span, VersionOf(in request), betas, counts);
        if (edits.Problems is { } problems)
        {
            throw new ProviderRequestException(
                $"Amazon Bedrock cannot be sent this request. Change what follows, or choose another model. " +
                $"{string.Join(". ", problems)}.");
        }

        if (droppedBetas is not null || edits.Dropped is not null)
        {
            leftOut = [.. edits.Dropped ?? [], .. droppedBetas ?? []];
        }

        if (!counts)
        {
            return new SplicedContent(request.Body, edits.Splices);
        }

        var count = new ArrayBufferWriter<byte>(2 * request.Body.Length);
        InvokeRequest.WriteCount(edits.Splices, request.Body.Span, count);
        return new SplicedContent(count.WrittenMemory, default);
    }

    protected override void Dispose(bool disposing)
    {
        if (_shared is not null)
        {
            AwsCredentialSources.GiveBack(_shared);
        }

        base.Dispose(disposing);
    }

    private static BedrockError ErrorOf(HttpResponseMessage response) =>
        response.Headers.NonValidated.TryGetValues(ErrorType, out var values)
            ? BedrockErrors.Named(values.ToString())
            : BedrockError.Unknown;

    /// <summary>Names and ARNs hold colons, which stay as the vendor's own clients leave them, and slashes, which the
    /// path may not.</summary>
    private static string PathOf(string model, string operation) =>
        $"model/{Uri.EscapeDataString(model).Replace("%3A", ":", StringComparison.Ordinal)}/{operation}";

    /// <summary>The model whose tokens are counted: counting knows models, not the profiles that lead to them, so the
    /// geography is left out. Null for an ARN, which does not tell its model.</summary>
    private static string? CountedModelOf(string model) => model.StartsWith("arn:", StringComparison.Ordinal) ? null
        : AwsModels.IsProfile(model) ? model[(model.IndexOf('.', StringComparison.Ordinal) + 1)..]
        : model;

    /// <summary>The client's version where the model takes it, else the one that every model takes.</summary>
    private string VersionOf(in ProviderRequest request)
    {
        if (!request.Translated && _aws.AnthropicVersions.Length > 0)
        {
            string asked = request.Headers[Version].ToString();
            if (_aws.AnthropicVersions.Contains(asked, StringComparer.Ordinal))
            {
                return asked;
            }
        }

        return InvokeRequest.BaseVersion;
    }
}

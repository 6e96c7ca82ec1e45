using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;
using Forebay.Gateway.Providers.Credentials;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols;

namespace Forebay.Gateway.Providers.Vertex;

/// <summary>
/// Anthropic's models on Google Vertex AI. The model is in the path and not in the body, the API version in the body
/// and not in a header, and who calls is proven by an OAuth token; answers and streams are Anthropic's own.
/// </summary>
internal sealed class VertexAdapter : ProviderAdapter
{
    private const string Version = "anthropic-version";
    private const string Newest = "2026-10-21";

    /// <summary>Says which quota a call takes from.</summary>
    private const string CapacityHeader = "X-Vertex-AI-LLM-Request-Type";

    /// <summary>The API's first version as Vertex calls it, for every client that asks for no later one.</summary>
    private static readonly byte[] FirstVersionMember = "\"anthropic_version\":\"vertex-2023-10-16\""u8.ToArray();

    private static readonly byte[] NewestVersionMember = "\"anthropic_version\":\"2026-10-21\""u8.ToArray();

    private readonly RefreshedToken _token;
    private readonly Uri _whole;
    private readonly Uri _stream;
    private readonly Uri _count;
    private readonly byte[] _countFirst;
    private readonly byte[] _countNewest;
    private readonly string? _capacity;

    /// <param name="identity">What the upstream is made from.</param>
    /// <param name="reference">The identity that calls.</param>
    /// <param name="time">Clock and timers.</param>
    public VertexAdapter(UpstreamIdentity identity, string? reference, TimeProvider time)
        : base(identity)
    {
        GoogleConfig google = identity.Google
            ?? throw new InvalidOperationException("A deployment on Vertex names its project and location.");
        string models = $"v1/projects/{google.Project}/locations/{google.Location}/publishers/anthropic/models/";
        string model = Uri.EscapeDataString(identity.Model).Replace("%40", "@", StringComparison.Ordinal);
        _whole = Under($"{models}{model}:rawPredict");
        _stream = Under($"{models}{model}:streamRawPredict");
        _count = Under($"{models}count-tokens:rawPredict");
        byte[] named = [.. "\"model\":"u8, .. ModelJson.Span, (byte)','];
        _countFirst = [.. named, .. FirstVersionMember];
        _countNewest = [.. named, .. NewestVersionMember];
        _capacity = google.Capacity switch
        {
            VertexCapacity.Dedicated => "dedicated",
            VertexCapacity.Shared => "shared",
            _ => null,
        };
        var source = new GoogleToken(
            reference ?? throw new InvalidOperationException("A deployment on Vertex names a Google identity."),
            identity.Proxy,
            time);
        _token = new RefreshedToken(source.FetchAsync, time);
    }

    public override bool Does(ProviderCall call, Dialect dialect) =>
        dialect == Dialect.Anthropic && call is ProviderCall.Generate or ProviderCall.CountTokens;

    public override Uri UriOf(in ProviderRequest request) =>
        request.Call == ProviderCall.CountTokens ? _count : request.Facts.Stream ? _stream : _whole;

    /// <summary>Puts the version where the model stood; tokens are counted by a model that is named in the body after
    /// all. Where to compute is the location's to say: <c>inference_geo</c> goes out.</summary>
    public override BodyChanges ChangesOf(in ProviderRequest request)
    {
        bool newest = !request.Translated && request.Headers[Version] == Newest;
        return new BodyChanges
        {
            ModelMember = request.Call == ProviderCall.CountTokens ? newest ? _countNewest : _countFirst
                : newest ? NewestVersionMember : FirstVersionMember,
        };
    }

    public override bool Drops(string header, in ProviderRequest request) =>
        header.Equals(Version, StringComparison.OrdinalIgnoreCase)
        || header.Equals(CapacityHeader, StringComparison.OrdinalIgnoreCase)
        || base.Drops(header, in request);

    public override void AddHeaders(in ProviderRequest request, HttpRequestMessage to)
    {
        if (_capacity is not null)
        {
            to.Headers.TryAddWithoutValidation(CapacityHeader, _capacity);
        }
    }

    public override ValueTask AuthorizeAsync(HttpRequestMessage request, Dialect dialect, CancellationToken cancel) =>
        _token.AuthorizeAsync(request, cancel);

    /// <summary>A token is renewed once; a permission that is missing no token gives.</summary>
    public override ValueTask<bool> RenewAsync(HttpResponseMessage refused, CancellationToken cancel) =>
        (int)refused.StatusCode == 401
            ? _token.RenewAsync(refused, cancel)
            : new ValueTask<bool>(false);

    /// <summary>What Google's front refuses concerns our project and identity: a permission that is missing, a model
    /// that is not enabled there.</summary>
    public override AnswerMeaning MeaningOf(HttpResponseMessage response) => (int)response.StatusCode is 403 or 404
        ? AnswerMeaning.Account
        : base.MeaningOf(response);

    public override string? ErrorMessageOf(HttpResponseMessage response, ReadOnlySpan<byte> body) =>
        GoogleError.MessageOf(body) ?? ForeignEnvelope.MessageOf(body);

    protected override void Dispose(bool disposing)
    {
        _token.Dispose();
        base.Dispose(disposing);
    }
}

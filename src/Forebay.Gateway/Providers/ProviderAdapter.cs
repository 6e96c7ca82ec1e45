using System.Text.Json;
using Forebay.Core.Capacity.Quotas;
using Forebay.Core.Serving;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols;

namespace Forebay.Gateway.Providers;

/// <summary>
/// How one provider's API is called: all in which it differs from an endpoint that speaks a dialect as the dialect's
/// vendor does. One per upstream, shared by its requests and without state but for its credential. A provider is added
/// by a folder that holds its adapter, and a line in <see cref="ProviderAdapters"/>.
/// </summary>
/// <remarks>Called on the threads that wait for sockets: nothing here may block.</remarks>
internal abstract class ProviderAdapter : IDisposable
{
    /// <summary>Where a built request says what was left out of it.</summary>
    public static readonly HttpRequestOptionsKey<string> LeftOut = new("forebay-left-out");

    protected ProviderAdapter(UpstreamIdentity identity)
    {
        Identity = identity;
        ModelJson = JsonSerializer.SerializeToUtf8Bytes(identity.Model, ProviderJson.Default.String);
    }

    public UpstreamIdentity Identity { get; }

    /// <summary>The model's name at the provider as a JSON string, quotes included.</summary>
    public ReadOnlyMemory<byte> ModelJson { get; }

    /// <summary>Whether it can be asked for this at all; whoever cannot is not.</summary>
    public virtual bool Does(ProviderCall call, Dialect dialect) => true;

    /// <summary>Where a request goes.</summary>
    public abstract Uri UriOf(in ProviderRequest request);

    /// <summary>Where a response is that was stored there: <c>v1/responses/ID</c> and what is below, query included.
    /// </summary>
    public virtual Uri StoredResponseUri(string path) => Under(path);

    /// <summary>What must change in the body. By default the model's name, and what the pipeline asks for.</summary>
    public virtual BodyChanges ChangesOf(in ProviderRequest request) => new()
    {
        ModelJson = ModelJson,
        AddUsage = request.AddUsage,
        Geography = request.Geography,
    };

    /// <summary>Whether a header of the client's, one that crosses the gateway, stays behind all the same.</summary>
    public virtual bool Drops(string header, in ProviderRequest request) =>
        request.Translated && HeaderPolicy.IsOfOneDialect(header);

    /// <summary>Adds the provider's own headers; the client's are there. Never the credential.</summary>
    public virtual void AddHeaders(in ProviderRequest request, HttpRequestMessage to)
    {
    }

    /// <summary>Proves who calls: adds a credential that is held already, or signs. The request is otherwise whole, and
    /// nothing in it changes after this. Completes at once but where a first credential is still being fetched.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="dialect">The dialect of its body or, where it has none, one that the upstream speaks.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="ProviderCredentialException">No credential can be had.</exception>
    public abstract ValueTask AuthorizeAsync(
        HttpRequestMessage request, Dialect dialect, CancellationToken cancel);

    /// <summary>Called when the provider refused the credential, or how it was used: gets a new one, or learns what was
    /// wrong. True where the same request is worth sending once more; called once per attempt.</summary>
    public virtual ValueTask<bool> RenewAsync(HttpResponseMessage refused, CancellationToken cancel) => new(false);

    /// <summary>What an answer means, from its head alone.</summary>
    public virtual AnswerMeaning MeaningOf(HttpResponseMessage response) =>
        UpstreamVerdict.MeaningOf(response.StatusCode);

    /// <summary>Takes in what an answer's head says of the account's limits, for a pool with a quota. By default in the
    /// headers of the dialects' vendors.</summary>
    public virtual void ReadQuota(HttpResponseMessage response, QuotaMeter quota, long nowNs) =>
        QuotaHeaders.Read(response.Headers, quota, nowNs);

    /// <summary>The words in a provider's own error envelope, to be said in the client's; null where what came is in
    /// the dialect asked in, and goes back as it is.</summary>
    public virtual string? ErrorMessageOf(HttpResponseMessage response, ReadOnlySpan<byte> body) => null;

    /// <summary>Whether a body of this media type is a stream of events.</summary>
    public virtual bool IsStream(string? mediaType) => mediaType == "text/event-stream";

    /// <summary>The stream as server-sent events of the dialect asked in. The events' reader closes what it is given,
    /// not what that reads from.</summary>
    /// <param name="body">The body, content encodings undone.</param>
    /// <param name="dialect">The dialect asked in.</param>
    public virtual Stream OpenEvents(Stream body, Dialect dialect) => body;

    /// <summary>What an operator is told of a refusal beside its status; null for nothing.</summary>
    public virtual string? DetailOf(HttpResponseMessage response) => null;

    /// <summary>The tokens in a count of the provider's own form; null where it is the dialect's, and goes back as it
    /// is.</summary>
    public virtual long? CountOf(ReadOnlySpan<byte> body) => null;

    /// <summary>The finished request but for its credential.</summary>
    /// <exception cref="ProviderRequestException">The provider cannot be sent the request.</exception>
    public HttpRequestMessage Build(in ProviderRequest request)
    {
        SplicedContent content = ContentOf(in request, out IReadOnlyList<string> leftOut);
        var message = new HttpRequestMessage(HttpMethod.Post, UriOf(in request)) { Content = content };
        if (leftOut.Count > 0)
        {
            message.Options.Set(LeftOut, string.Join(", ", leftOut));
        }

        HeaderPolicy.CopyRequest(request.Headers, message, this, in request);
        AddHeaders(in request, message);
        return message;
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>The body as it is sent.</summary>
    /// <param name="request">The request.</param>
    /// <param name="leftOut">Names of what was asked and is not sent, though the answer answers without it.</param>
    /// <exception cref="ProviderRequestException">The provider cannot be sent the request.</exception>
    protected virtual SplicedContent ContentOf(in ProviderRequest request, out IReadOnlyList<string> leftOut)
    {
        leftOut = [];
        return new SplicedContent(
            request.Body, RequestSplicer.For(request.Facts, request.Body.Span, ChangesOf(in request)));
    }

    protected virtual void Dispose(bool disposing)
    {
    }

    /// <summary>A path under the endpoint.</summary>
    protected Uri Under(string path)
    {
        string root = Identity.Endpoint.AbsoluteUri;
        return new Uri(new Uri(root.EndsWith('/') ? root : root + "/"), path);
    }
}

/// <summary>A provider cannot be sent a request, whoever asks: another provider of the model may.</summary>
/// <param name="message">Why, all of it, and what to do; for the client.</param>
internal sealed class ProviderRequestException(string message) : Exception(message);

/// <summary>No credential can be had for a provider.</summary>
/// <param name="message">Why, in words for an operator, without any part of a secret.</param>
/// <param name="inner">What went wrong, or null.</param>
internal sealed class ProviderCredentialException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether it may well be had in a moment: what gives it could not be reached, or failed itself. Otherwise
    /// it was refused, and somebody must do something.</summary>
    public bool IsTransient { get; init; }
}

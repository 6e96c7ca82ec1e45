using System.Security.Cryptography;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols.Bedrock;

namespace Forebay.Gateway.Providers.Bedrock;

/// <summary>Signs the requests of one endpoint. Keeps the key derived for the day, and how far AWS's clock is from
/// ours.</summary>
internal sealed class AwsSigner(AwsCredentialSource source, string region, TimeProvider time)
{
    private const string Service = "bedrock";

    /// <summary>Beyond this it is no clock that is off.</summary>
    private static readonly TimeSpan MostSkew = TimeSpan.FromDays(2);

    /// <summary>Each thread hashes with its own: a body is hashed without a pause.</summary>
    [ThreadStatic]
    private static IncrementalHash? _hash;

    private SigningKey? _key;
    private long _aheadTicks;

    /// <summary>How far AWS's clock was ahead of ours, as last learned.</summary>
    public TimeSpan Ahead => new(Volatile.Read(ref _aheadTicks));

    /// <summary>Signs a finished request.</summary>
    /// <exception cref="ProviderCredentialException">There are no credentials.</exception>
    public async ValueTask SignAsync(HttpRequestMessage request, CancellationToken cancel)
    {
        AwsCredentials credentials = await source.GetAsync(cancel);
        if (request.Content is SplicedContent { IsLong: true })
        {
            await LongWork.ElsewhereAsync();
        }

        Sign(request, credentials);
    }

    /// <summary>Learns from a refusal: a signature out of time tells AWS's clock, any other refused credential is
    /// looked for again. True where the request is worth sending once more.</summary>
    public async ValueTask<bool> LearnAsync(HttpResponseMessage refused, BedrockError error, CancellationToken cancel)
    {
        if (error == BedrockError.BadSignature
            && refused.Headers.Date is { } theirs
            && BedrockErrors.IsClockSkew(error, await BedrockAdapter.MessageOfAsync(refused, cancel)))
        {
            TimeSpan ahead = theirs - time.GetUtcNow();
            bool isClock = ahead.Duration() < MostSkew;
            Volatile.Write(ref _aheadTicks, isClock ? ahead.Ticks : 0);
            return isClock;
        }

        bool mayBeOld = error is BedrockError.Expired or BedrockError.Unrecognized or BedrockError.BadSignature;
        return mayBeOld && SignedBy(refused) is { } keyId && await source.RenewAsync(keyId, cancel);
    }

    /// <summary>The access key that a request was signed with; null where it was not.</summary>
    private static string? SignedBy(HttpResponseMessage refused)
    {
        const string before = "Credential=";
        if (refused.RequestMessage is not { } request
            || !request.Headers.NonValidated.TryGetValues("Authorization", out var values))
        {
            return null;
        }

        string sent = values.ToString();
        int start = sent.IndexOf(before, StringComparison.Ordinal) + before.Length;
        int end = sent.IndexOf('/', StringComparison.Ordinal);
        return start >= before.Length && end > start ? sent[start..end] : null;
    }

    private void Sign(HttpRequestMessage request, AwsCredentials credentials)
    {
        DateTimeOffset at = time.GetUtcNow() + Ahead;
        SigningKey? key = Volatile.Read(ref _key);
        if (key is null || key.Credentials != credentials || !key.Covers(at))
        {
            key = SigningKey.Derive(credentials, region, Service, at);
            Volatile.Write(ref _key, key);
        }

        Span<byte> payload = stackalloc byte[SHA256.HashSizeInBytes];
        Hash(request.Content, payload);
        Uri uri = request.RequestUri!;
        string? type = request.Content?.Headers.NonValidated.TryGetValues("Content-Type", out var values) == true
            ? values.ToString()
            : null;
        var host = new SigningHeader("host", request.Headers.Host ?? uri.Authority);
        SignedHeaders signed = SigV4.Sign(key, at, new SigningRequest
        {
            Method = request.Method.Method,
            Path = uri.AbsolutePath,
            Query = uri.Query.TrimStart('?'),
            Headers = type is null ? [host] : [new SigningHeader("content-type", type), host],
            PayloadHash = payload,
            NamesPayloadHash = true,
        });
        request.Headers.TryAddWithoutValidation("x-amz-date", signed.Date);
        if (signed.SecurityToken is { } token)
        {
            request.Headers.TryAddWithoutValidation("x-amz-security-token", token);
        }

        request.Headers.TryAddWithoutValidation("x-amz-content-sha256", signed.ContentSha256);
        request.Headers.TryAddWithoutValidation("Authorization", signed.Authorization);
    }

    private static void Hash(HttpContent? content, Span<byte> payload)
    {
        IncrementalHash hash = _hash ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        (content as SplicedContent)?.AppendTo(hash);
        _ = hash.GetHashAndReset(payload);
    }
}

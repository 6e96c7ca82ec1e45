using System.Security.Cryptography;
using System.Text;

namespace Forebay.Protocols.Bedrock;

/// <summary>
/// Signs requests to AWS (Signature Version 4, AWS4-HMAC-SHA256). Pure: who signs, when and what come in as values, the
/// headers to add come out. Costs two hashes of a few hundred bytes and the strings of the headers.
/// </summary>
public static class SigV4
{
    /// <summary>Room to write in, kept by each thread: signing never waits.</summary>
    [ThreadStatic]
    private static Buffers? _buffers;

    /// <summary>Signs one request.</summary>
    /// <param name="key">A key that <see cref="SigningKey.Covers"/> the instant.</param>
    /// <param name="at">When the request is sent, by the clock of who checks it: AWS allows five minutes.</param>
    /// <param name="request">What is signed.</param>
    /// <exception cref="ArgumentException">The key is another day's.</exception>
    public static SignedHeaders Sign(SigningKey key, DateTimeOffset at, in SigningRequest request)
    {
        if (!key.Covers(at))
        {
            throw new ArgumentException("The key was derived for another day.", nameof(key));
        }

        SignedHeaders added = Added(key, at, request);
        Buffers buffers = Written(request, added);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        _ = SHA256.HashData(buffers.Text.Written, hash);
        WriteStringToSign(buffers.Text, key, added.Date, hash);
        _ = HMACSHA256.HashData(key.Bytes, buffers.Text.Written, hash);
        SigningText value = buffers.Text;
        value.Clear();
        value.Add("AWS4-HMAC-SHA256 Credential="u8);
        value.Add(key.Credentials.AccessKeyId);
        value.Add((byte)'/');
        value.Add(key.Scope);
        value.Add(", SignedHeaders="u8);
        value.Add(buffers.Names.Written);
        value.Add(", Signature="u8);
        value.AddHex(hash);
        return added with { Authorization = Encoding.ASCII.GetString(value.Written) };
    }

    /// <summary>What is hashed of a request, and what is signed of the hash: for whoever must find out why a signature
    /// does not match.</summary>
    public static (string CanonicalRequest, string StringToSign) Explain(
        SigningKey key, DateTimeOffset at, in SigningRequest request)
    {
        SignedHeaders added = Added(key, at, request);
        SigningText text = Written(request, added).Text;
        string canonical = Encoding.UTF8.GetString(text.Written);
        WriteStringToSign(text, key, added.Date, SHA256.HashData(text.Written));
        return (canonical, Encoding.UTF8.GetString(text.Written));
    }

    private static SignedHeaders Added(SigningKey key, DateTimeOffset at, in SigningRequest request) => new(
        "",
        at.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'"),
        key.Credentials.SessionToken,
        request.NamesPayloadHash ? Convert.ToHexStringLower(request.PayloadHash) : null);

    private static Buffers Written(in SigningRequest request, SignedHeaders added)
    {
        Buffers buffers = _buffers ??= new Buffers();
        buffers.Text.Clear();
        buffers.Names.Clear();
        new CanonicalRequest(request, added).Write(buffers.Text, buffers.Names);
        return buffers;
    }

    private static void WriteStringToSign(SigningText text, SigningKey key, string date, ReadOnlySpan<byte> hash)
    {
        text.Clear();
        text.Add("AWS4-HMAC-SHA256\n"u8);
        text.Add(date);
        text.Add((byte)'\n');
        text.Add(key.Scope);
        text.Add((byte)'\n');
        text.AddHex(hash);
    }

    private sealed class Buffers
    {
        public SigningText Text { get; } = new();

        /// <summary>Names of the signed headers, which are said twice.</summary>
        public SigningText Names { get; } = new();
    }
}

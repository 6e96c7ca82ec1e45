using System.Buffers;
using System.Collections.Frozen;
using System.Net.Http.Headers;
using Forebay.Gateway.Providers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Forebay.Gateway.Upstreams;

/// <summary>
/// Which headers cross the gateway. Both directions are open lists: everything passes but hop-by-hop headers,
/// credentials, cookies and account headers; rate-limit headers and request ids are our own.
/// </summary>
public static class HeaderPolicy
{
    private static readonly FrozenSet<string> RequestDropped = new[]
    {
        // Hop by hop (RFC 9110, 7.6.1), or about our own connection.
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade", "Host", "Content-Length", "Content-Encoding", "Accept-Encoding", "Expect",
        "Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP",
        // Credentials of the client towards us.
        "Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Cookie",
        // The client's account at a vendor says nothing about ours.
        "Anthropic-Workspace-Id", "Anthropic-Organization-Id", "Anthropic-User-Profile-Id", "OpenAI-Organization",
        "OpenAI-Project", "X-Goog-User-Project",
        // Ours.
        "X-Request-Id", "Request-Id",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> ResponseDropped = new[]
    {
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Trailer", "Transfer-Encoding",
        "Upgrade", "Content-Length", "Content-Encoding", "Date", "Server", "Via", "Alt-Svc",
        "Strict-Transport-Security", "Set-Cookie", "Request-Id", "X-Request-Id", "Retry-After",
        "Retry-After-Ms", "Anthropic-Organization-Id", "Anthropic-Workspace-Id", "OpenAI-Organization",
        "OpenAI-Project", "WWW-Authenticate",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> OfTheBytes =
        new[] { "ETag", "Content-MD5", "Digest", "Content-Digest" }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>What no header may hold and Kestrel refuses to send: an upstream's answer must not fail for
    /// it.</summary>
    private static readonly SearchValues<char> Controls = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Select(c => (char)c).Where(c => c != '\t'), (char)127]);

    /// <summary>Copies a client's headers to an upstream request.</summary>
    /// <param name="from">The client's headers.</param>
    /// <param name="to">The request, its content set.</param>
    /// <param name="adapter">Says which others stay behind.</param>
    /// <param name="request">What it is asked about.</param>
    internal static void CopyRequest(
        IHeaderDictionary from,
        HttpRequestMessage to,
        ProviderAdapter? adapter = null,
        in ProviderRequest request = default)
    {
        string[] named = ConnectionNamed(from.Connection);
        foreach (KeyValuePair<string, StringValues> header in from)
        {
            string name = header.Key;
            if (name.StartsWith(':')
                || RequestDropped.Contains(name)
                || name.StartsWith("x-forebay-", StringComparison.OrdinalIgnoreCase)
                || adapter?.Drops(name, in request) == true
                || (named.Length > 0 && named.Contains(name, StringComparer.OrdinalIgnoreCase)))
            {
                continue;
            }

            if (name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase))
            {
                to.Content!.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)header.Value);
            }
            else
            {
                to.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)header.Value);
            }
        }
    }

    /// <summary>Whether a header means something in one dialect only.</summary>
    public static bool IsOfOneDialect(string name) =>
        name.StartsWith("anthropic-", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("openai-", StringComparison.OrdinalIgnoreCase);

    /// <summary>Copies an upstream's headers to the client.</summary>
    /// <param name="from">The upstream's answer.</param>
    /// <param name="to">The client's.</param>
    /// <param name="translated">The answer is said in another dialect: what belongs to the upstream's, or to the bytes
    /// it sent, stays behind.</param>
    public static void CopyResponse(HttpResponseMessage from, IHeaderDictionary to, bool translated)
    {
        string[] named = from.Headers.NonValidated.TryGetValues("Connection", out HeaderStringValues connection)
            ? ConnectionNamed(connection.ToString())
            : [];
        Copy(from.Headers.NonValidated, to, named, translated);
        Copy(from.Content.Headers.NonValidated, to, named, translated);
    }

    private static void Copy(HttpHeadersNonValidated from, IHeaderDictionary to, string[] named, bool translated)
    {
        foreach ((string name, HeaderStringValues values) in from)
        {
            if (ResponseDropped.Contains(name)
                || name.StartsWith("anthropic-ratelimit-", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("anthropic-priority-", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("x-ratelimit-", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("x-forebay-", StringComparison.OrdinalIgnoreCase)
                || (named.Length > 0 && named.Contains(name, StringComparer.OrdinalIgnoreCase))
                || (translated && (IsOfOneDialect(name) || OfTheBytes.Contains(name)))
                || values.Any(v => v.AsSpan().ContainsAny(Controls)))
            {
                continue;
            }

            to[name] = values.Count == 1 ? values.ToString() : new StringValues([.. values]);
        }
    }

    private static string[] ConnectionNamed(StringValues connection)
    {
        string? value = connection;
        return string.IsNullOrEmpty(value) || value.Equals("keep-alive", StringComparison.OrdinalIgnoreCase)
            ? []
            : value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }
}

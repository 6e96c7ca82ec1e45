using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Forebay.TestKit.Upstreams;

namespace Forebay.TestKit.Providers.Bedrock;

/// <summary>Checks signatures as AWS documents it, step by step on text; shares nothing with the code that signs.</summary>
public static class SignatureCheck
{
    private const string Form = "yyyyMMdd'T'HHmmss'Z'";

    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    /// <summary>What AWS says of a request; null where it is signed well.</summary>
    public static ProviderRefusal? Check(ReceivedRequest request, BedrockAccount account, string service)
    {
        string? sent = request.Headers.GetValueOrDefault("authorization");
        if (sent is null)
        {
            return Denied("MissingAuthenticationTokenException", "Missing Authentication Token");
        }

        const string scheme = "AWS4-HMAC-SHA256 ";
        if (!sent.StartsWith(scheme, StringComparison.Ordinal))
        {
            return sent == $"Bearer {account.ApiKey}" ? null
                : Denied("AccessDeniedException", "Authentication failed: please make sure your API Key is valid.");
        }

        Dictionary<string, string> parts = sent[scheme.Length..].Split(", ")
            .Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => p[1]);
        string[] scope = parts["Credential"].Split('/');
        if (!account.TryFind(scope[0], out string secret, out string? token, out bool isExpired))
        {
            return Denied("UnrecognizedClientException", "The security token included in the request is invalid.");
        }

        if (isExpired)
        {
            return Denied("ExpiredTokenException", "The security token included in the request is expired");
        }

        string date = request.Headers.GetValueOrDefault("x-amz-date") ?? "";
        var at = DateTimeOffset.ParseExact(date, Form, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
        if (at < account.Now - Tolerance)
        {
            return Denied(
                "InvalidSignatureException",
                $"Signature expired: {date} is now earlier than {Text(account.Now - Tolerance)} ({Text(account.Now)} - 5 min.)");
        }

        if (at > account.Now + Tolerance)
        {
            return Denied(
                "InvalidSignatureException",
                $"Signature not yet current: {date} is still later than {Text(account.Now + Tolerance)} "
                    + $"({Text(account.Now)} + 5 min.)");
        }

        string[] signed = parts["SignedHeaders"].Split(';');
        string? unsigned = request.Headers.Keys.Select(k => k.ToLowerInvariant()).FirstOrDefault(
            k => (k is "host" || k.StartsWith("x-amz-", StringComparison.Ordinal)) && !signed.Contains(k));
        bool isScoped = string.Join('/', scope[1..]) == $"{date[..8]}/{account.Region}/{service}/aws4_request";
        bool isGood = unsigned is null && isScoped
            && (token ?? "") == (request.Headers.GetValueOrDefault("x-amz-security-token") ?? "")
            && parts["Signature"] == Signature(request, signed, date, string.Join('/', scope[1..]), secret);
        return isGood ? null : Denied(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided."
                + (unsigned is null ? "" : $" {unsigned} must be signed."));
    }

    private static string Signature(ReceivedRequest request, string[] signed, string date, string scope, string secret)
    {
        var canonical = new StringBuilder();
        canonical.Append(request.Method).Append('\n');
        canonical.Append(string.Join('/', request.Path.Split('/').Select(Encoded))).Append('\n');
        canonical.Append(request.Query.TrimStart('?')).Append('\n');
        foreach (string name in signed)
        {
            canonical.Append(name).Append(':').Append(request.Headers[name].Trim()).Append('\n');
        }

        canonical.Append('\n').Append(string.Join(';', signed)).Append('\n');
        canonical.Append(Hex(SHA256.HashData(request.Body)));
        string toSign =
            $"AWS4-HMAC-SHA256\n{date}\n{scope}\n{Hex(SHA256.HashData(Encoding.UTF8.GetBytes(canonical.ToString())))}";
        byte[] key = Encoding.UTF8.GetBytes("AWS4" + secret);
        foreach (string step in scope.Split('/').Append(toSign))
        {
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(step));
        }

        return Hex(key);
    }

    /// <summary>A segment as it came, encoded once more.</summary>
    private static string Encoded(string segment) => string.Concat(Encoding.UTF8.GetBytes(segment).Select(
        b => char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~'
            ? ((char)b).ToString()
            : $"%{b:X2}"));

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);

    private static string Text(DateTimeOffset at) => at.UtcDateTime.ToString(Form, CultureInfo.InvariantCulture);

    private static ProviderRefusal Denied(string type, string message) => new(403, type, message);
}

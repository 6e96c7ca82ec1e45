using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace Forebay.TestKit.Providers.Tokens;

/// <summary>Checks assertions as token endpoints do: the signature first, then every claim.</summary>
internal static class Assertions
{
    private const string CloudPlatform = "https://www.googleapis.com/auth/cloud-platform";

    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(5);

    /// <summary>What is wrong with a service account's assertion; null for nothing.</summary>
    public static string? CheckServiceAccount(
        string? assertion, IReadOnlyDictionary<string, ServiceAccount> accounts, DateTimeOffset now)
    {
        if (!TrySplit(assertion, out JsonElement header, out JsonElement claims, out byte[] signed, out byte[] signature))
        {
            return "the assertion is no JWT";
        }

        string email = Text(claims, "iss");
        return !accounts.TryGetValue(email, out ServiceAccount? account) ? "Invalid JWT: unknown issuer."
            : Text(header, "alg") != "RS256" ? "Invalid JWT: algorithm."
            : !account.Key.VerifyData(signed, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
                ? "Invalid JWT Signature."
            : !Text(claims, "aud").EndsWith("/token", StringComparison.Ordinal) ? "Invalid JWT: audience."
            : Text(claims, "scope") != CloudPlatform ? "Invalid OAuth scope."
            : CheckTimes(claims, now);
    }

    /// <summary>What is wrong with the assertion of Entra's client with a certificate; null for nothing.</summary>
    public static string? CheckCertificate(
        string? assertion, string client, X509Certificate2 certificate, DateTimeOffset now)
    {
        if (!TrySplit(assertion, out JsonElement header, out JsonElement claims, out byte[] signed, out byte[] signature))
        {
            return "the assertion is no JWT";
        }

        using RSA key = certificate.GetRSAPublicKey()!;
        string thumbprint = Base64Url.EncodeToString(certificate.GetCertHash(HashAlgorithmName.SHA256));
        return Text(header, "x5t#S256") != thumbprint ? "AADSTS700027: the certificate is not registered"
            : Text(header, "alg") != "PS256" ? "AADSTS50011: algorithm"
            : !key.VerifyData(signed, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pss)
                ? "AADSTS700027: signature"
            : Text(claims, "iss") != client || Text(claims, "sub") != client ? "AADSTS700023: issuer and subject"
            : !Text(claims, "aud").EndsWith("/oauth2/v2.0/token", StringComparison.Ordinal) ? "AADSTS700023: audience"
            : Text(claims, "jti").Length == 0 ? "AADSTS700023: jti"
            : CheckTimes(claims, now);
    }

    private static string? CheckTimes(JsonElement claims, DateTimeOffset now)
    {
        DateTimeOffset from = Time(claims, claims.TryGetProperty("iat", out _) ? "iat" : "nbf");
        DateTimeOffset until = Time(claims, "exp");
        return from > now + Skew ? "Invalid JWT: issued in the future."
            : until <= now ? "Invalid JWT: expired."
            : until - from > TimeSpan.FromHours(1) ? "Invalid JWT: too long."
            : null;
    }

    private static DateTimeOffset Time(JsonElement claims, string name) =>
        DateTimeOffset.FromUnixTimeSeconds(claims.GetProperty(name).GetInt64());

    private static string Text(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";

    private static bool TrySplit(
        string? assertion, out JsonElement header, out JsonElement claims, out byte[] signed, out byte[] signature)
    {
        (header, claims, signed, signature) = (default, default, [], []);
        string[] parts = (assertion ?? "").Split('.');
        if (parts.Length != 3)
        {
            return false;
        }

        header = JsonElement.Parse(Base64Url.DecodeFromChars(parts[0]));
        claims = JsonElement.Parse(Base64Url.DecodeFromChars(parts[1]));
        signed = Encoding.ASCII.GetBytes(parts[0] + "." + parts[1]);
        signature = Base64Url.DecodeFromChars(parts[2]);
        return true;
    }
}

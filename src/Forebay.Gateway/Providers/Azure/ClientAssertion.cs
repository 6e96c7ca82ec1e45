using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Gateway.Providers.Azure;

/// <summary>What a client with a certificate proves itself by: a JSON Web Token signed with its key (RFC 7523; Entra ID
/// takes PS256 and the certificate's SHA-256).</summary>
internal static class ClientAssertion
{
    private static readonly TimeSpan Holds = TimeSpan.FromMinutes(10);

    /// <summary>Signs an assertion. Takes about a millisecond.</summary>
    /// <param name="pemFile">The certificate and its private key.</param>
    /// <param name="client">The client's id.</param>
    /// <param name="audience">The token endpoint.</param>
    /// <param name="now">The time it holds from.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="CryptographicException">It holds no certificate with an RSA key.</exception>
    public static string Sign(string pemFile, string client, Uri audience, DateTimeOffset now)
    {
        using X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(pemFile);
        using RSA key = certificate.GetRSAPrivateKey()
            ?? throw new CryptographicException("The certificate has no RSA key.");
        string header = Part(
            new Header("PS256", "JWT", Base64Url.EncodeToString(certificate.GetCertHash(HashAlgorithmName.SHA256))),
            AssertionJson.Default.Header);
        string claims = Part(
            new Claims(
                audience.AbsoluteUri,
                client,
                client,
                Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
                now.ToUnixTimeSeconds(),
                (now + Holds).ToUnixTimeSeconds()),
            AssertionJson.Default.Claims);
        byte[] signature = key.SignData(
            Encoding.ASCII.GetBytes($"{header}.{claims}"), HashAlgorithmName.SHA256, RSASignaturePadding.Pss);
        return $"{header}.{claims}.{Base64Url.EncodeToString(signature)}";
    }

    private static string Part<T>(T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) =>
        Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(value, type));

    internal sealed record Header(
        [property: JsonPropertyName("alg")] string Algorithm,
        [property: JsonPropertyName("typ")] string Type,
        [property: JsonPropertyName("x5t#S256")] string Thumbprint);

    internal sealed record Claims(
        [property: JsonPropertyName("aud")] string Audience,
        [property: JsonPropertyName("iss")] string Issuer,
        [property: JsonPropertyName("sub")] string Subject,
        [property: JsonPropertyName("jti")] string Id,
        [property: JsonPropertyName("nbf")] long From,
        [property: JsonPropertyName("exp")] long Until);
}

[JsonSerializable(typeof(ClientAssertion.Header))]
[JsonSerializable(typeof(ClientAssertion.Claims))]
internal sealed partial class AssertionJson : JsonSerializerContext;

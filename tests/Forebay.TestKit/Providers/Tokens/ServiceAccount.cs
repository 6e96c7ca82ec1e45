using System.Security.Cryptography;
using System.Text.Json;

namespace Forebay.TestKit.Providers.Tokens;

/// <summary>A service account with a key made for the test.</summary>
public sealed class ServiceAccount(string email, string project) : IDisposable
{
    public string Email => email;

    /// <summary>The pair that its file holds the private half of.</summary>
    public RSA Key { get; } = RSA.Create(2048);

    /// <summary>The file as Google's console gives it.</summary>
    /// <param name="tokens">Where its tokens are asked for.</param>
    public string Json(Uri tokens) => JsonSerializer.Serialize(new
    {
        type = "service_account",
        project_id = project,
        private_key_id = "key-1",
        private_key = Key.ExportPkcs8PrivateKeyPem(),
        client_email = email,
        client_id = "100000000000000000001",
        token_uri = new Uri(tokens, "/token").ToString(),
    });

    public void Dispose() => Key.Dispose();
}

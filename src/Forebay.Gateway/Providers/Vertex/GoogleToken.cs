using System.Net;
using System.Text.Json;
using Forebay.Core.Config;
using Forebay.Gateway.Providers.Credentials;
using Google;
using Google.Apis.Auth.OAuth2;
using Google.Apis.Auth.OAuth2.Responses;
using Google.Apis.Http;

namespace Forebay.Gateway.Providers.Vertex;

/// <summary>
/// Fetches access tokens for a Google identity: a credential file (service account, workload identity federation,
/// authorized user, impersonation) or the machine's own. The file is read anew for each token, so that a renewed key is
/// taken over without a reload.
/// </summary>
/// <param name="reference"><c>google:adc</c> or <c>google:file/PATH</c>.</param>
/// <param name="proxy">The egress proxy of the deployment, or null.</param>
/// <param name="time">The clock that expiry is counted by.</param>
internal sealed class GoogleToken(string reference, Uri? proxy, TimeProvider time)
{
    private const string Scope = "https://www.googleapis.com/auth/cloud-platform";

    /// <summary>What a token is taken to hold whose answer does not say.</summary>
    private static readonly TimeSpan Unsaid = TimeSpan.FromMinutes(5);

    /// <summary>Asks for a new token.</summary>
    /// <exception cref="ProviderCredentialException">There is none to be had; says why and what to do.</exception>
    public async Task<AccessToken> FetchAsync(CancellationToken cancel)
    {
        try
        {
            GoogleCredential credential = await LoadAsync(cancel);
            credential = credential.IsCreateScopedRequired ? credential.CreateScoped(Scope) : credential;
            credential = credential.CreateWithHttpClientFactory(new Factory(proxy));
            DateTimeOffset asked = time.GetUtcNow();
            TokenResponse? token = await AskAsync(credential, cancel);
            return token?.AccessToken is { Length: > 0 } value
                ? new AccessToken(
                    value,
                    asked + (token.ExpiresInSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : Unsaid))
                : throw new ProviderCredentialException($"{reference}: Google gave no token.");
        }
        catch (TokenResponseException e)
        {
            throw new ProviderCredentialException(
                $"{reference}: Google refused the identity ({e.Error?.Error}: {e.Error?.ErrorDescription}). Check " +
                "that its key is neither deleted nor disabled and that this machine's clock is right.",
                e)
            {
                IsTransient = e.StatusCode is { } status && (int)status is 429 or >= 500,
            };
        }
        catch (HttpRequestException e)
        {
            throw new ProviderCredentialException(
                $"{reference}: Google's token endpoint cannot be reached ({e.HttpRequestError}).", e)
            {
                IsTransient = true,
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProviderCredentialException($"{reference}: the credential file cannot be read.", e);
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or ArgumentException
            or GoogleApiException or JsonException or Newtonsoft.Json.JsonException)
        {
            // The library's words may quote the file.
            throw new ProviderCredentialException(
                $"{reference}: no identity is there that can be used ({e.GetType().Name}). Use a credential file of " +
                "Google's, or set up application default credentials on this machine.",
                e);
        }
    }

    private async Task<GoogleCredential> LoadAsync(CancellationToken cancel)
    {
        if (reference == SecretReference.GoogleDefault)
        {
            return await GoogleCredential.GetApplicationDefaultAsync(cancel);
        }

        string json = await File.ReadAllTextAsync(reference[SecretReference.GoogleFilePrefix.Length..], cancel);
        using JsonDocument parsed = JsonDocument.Parse(json);
        string type = parsed.RootElement.TryGetProperty("type", out JsonElement told) ? told.GetString() ?? "" : "";
        return CredentialFactory.FromJson(json, type);
    }

    /// <summary>Asks the credential itself: what it holds for requests of its own is not looked at, since a token that
    /// the provider refused may be in there.</summary>
    private static async Task<TokenResponse?> AskAsync(GoogleCredential credential, CancellationToken cancel)
    {
        switch (credential.UnderlyingCredential)
        {
            case ServiceCredential service:
                return await service.RequestAccessTokenAsync(cancel) ? service.Token : null;
            case UserCredential user:
                return await user.RefreshTokenAsync(cancel) ? user.Token : null;
            default:
                throw new InvalidOperationException("A credential of an unknown kind.");
        }
    }

    /// <summary>Clients that go the way that the deployment goes.</summary>
    private sealed class Factory(Uri? through) : HttpClientFactory
    {
        protected override HttpMessageHandler CreateHandler(CreateHttpClientArgs args) => new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = through is not null,
            Proxy = through is null ? null : new WebProxy(through),
            ConnectTimeout = TimeSpan.FromSeconds(10),
        };
    }
}

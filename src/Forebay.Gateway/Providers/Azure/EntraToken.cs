using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Forebay.Core.Serving.Providers;
using Forebay.Gateway.Providers.Credentials;

namespace Forebay.Gateway.Providers.Azure;

/// <summary>
/// Fetches access tokens of Microsoft Entra ID over plain HTTP: by the client credentials grant (RFC 6749, 4.4) with a
/// secret, a certificate's assertion or a workload's own token (RFC 7523, 2.2), or from the machine's metadata service
/// for a managed identity. Files are read anew for each token, so that what is renewed there is taken over.
/// </summary>
internal sealed class EntraToken : IDisposable
{
    private const string PublicAuthority = "https://login.microsoftonline.com";
    private const string Metadata = "http://169.254.169.254";
    private const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private const string DefaultSuffix = "/.default";
    private const int MaxAnswerBytes = 64 * 1024;

    /// <summary>What container and app platforms tell of their own metadata service.</summary>
    private const string PlatformEndpoint = "IDENTITY_ENDPOINT";
    private const string PlatformHeader = "IDENTITY_HEADER";

    private readonly EntraConfig _entra;
    private readonly string? _secret;
    private readonly TimeProvider _time;
    private readonly Func<string, string?> _environment;
    private readonly HttpMessageInvoker _invoker;
    private readonly string _called;

    /// <param name="entra">Who asks, and what for.</param>
    /// <param name="secret">The client's secret, or null.</param>
    /// <param name="proxy">The egress proxy of the deployment, or null; a metadata service is asked without it.</param>
    /// <param name="time">The clock that expiry and assertions go by.</param>
    /// <param name="environment">Looks an environment variable up; the process's when left out.</param>
    public EntraToken(
        EntraConfig entra, string? secret, Uri? proxy, TimeProvider time, Func<string, string?>? environment = null)
    {
        (_entra, _secret, _time) = (entra, secret, time);
        _environment = environment ?? Environment.GetEnvironmentVariable;
        bool proxied = proxy is not null && !entra.IsManagedIdentity;
        _called = entra.IsManagedIdentity
            ? "the machine's managed identity"
            : $"client {entra.Client} of {entra.Tenant}";
        _invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = proxied,
            Proxy = proxied ? new WebProxy(proxy) : null,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            MaxResponseHeadersLength = 64,
            ActivityHeadersPropagator = null,
        });
    }

    /// <summary>Asks for a new token.</summary>
    /// <exception cref="ProviderCredentialException">There is none to be had; says why and what to do.</exception>
    public async Task<AccessToken> FetchAsync(CancellationToken cancel)
    {
        try
        {
            using HttpRequestMessage request = _entra.IsManagedIdentity
                ? OfMetadata() : await OfClientAsync(cancel);
            DateTimeOffset asked = _time.GetUtcNow();
            using HttpResponseMessage response = await _invoker.SendAsync(request, cancel);
            byte[] body = await ReadAsync(response, cancel);
            return (int)response.StatusCode is >= 200 and < 300
                ? TokenIn(body, asked)
                : throw Refused(response.StatusCode, body);
        }
        catch (HttpRequestException e)
        {
            throw new ProviderCredentialException(
                $"{_called}: the token endpoint cannot be reached ({e.HttpRequestError}).", e) { IsTransient = true };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new ProviderCredentialException(
                $"{_called}: {(_entra.TokenFile is null ? "certificate_file" : "token_file")} cannot be read.", e);
        }
    }

    public void Dispose() => _invoker.Dispose();

    private async Task<HttpRequestMessage> OfClientAsync(CancellationToken cancel)
    {
        string authority = (_entra.Authority?.AbsoluteUri ?? PublicAuthority).TrimEnd('/');
        var endpoint = new Uri($"{authority}/{_entra.Tenant}/oauth2/v2.0/token");
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = _entra.Client ?? "",
            ["scope"] = _entra.Scope,
        };
        if (_secret is not null)
        {
            form["client_secret"] = _secret;
        }
        else
        {
            form["client_assertion_type"] = AssertionType;
            form["client_assertion"] = _entra.TokenFile is { } file
                ? (await File.ReadAllTextAsync(file, cancel)).Trim()
                : ClientAssertion.Sign(_entra.CertificateFile!, form["client_id"], endpoint, _time.GetUtcNow());
        }

        return new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = new FormUrlEncodedContent(form) };
    }

    private HttpRequestMessage OfMetadata()
    {
        string resource = _entra.Scope.EndsWith(DefaultSuffix, StringComparison.Ordinal)
            ? _entra.Scope[..^DefaultSuffix.Length] : _entra.Scope;
        string? platform = _entra.Authority is null ? _environment(PlatformEndpoint) : null;
        string root = platform
            ?? (_entra.Authority?.AbsoluteUri ?? Metadata).TrimEnd('/') + "/metadata/identity/oauth2/token";
        string version = platform is null ? "2018-02-01" : "2019-08-01";
        string client = _entra.Client is { } id ? $"&client_id={Uri.EscapeDataString(id)}" : "";
        var request = new HttpRequestMessage(
            HttpMethod.Get, $"{root}?api-version={version}&resource={Uri.EscapeDataString(resource)}{client}");
        request.Headers.TryAddWithoutValidation("Metadata", "true");
        if (platform is not null && _environment(PlatformHeader) is { } header)
        {
            request.Headers.TryAddWithoutValidation("X-IDENTITY-HEADER", header);
        }

        return request;
    }

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        await using Stream body = await response.Content.ReadAsStreamAsync(cancel);
        var bytes = new byte[MaxAnswerBytes];
        int length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancel);
        return bytes[..length];
    }

    private AccessToken TokenIn(byte[] body, DateTimeOffset asked)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            JsonElement root = document.RootElement;
            if (root.GetProperty("access_token").GetString() is { Length: > 0 } value)
            {
                return new AccessToken(value, asked + TimeSpan.FromSeconds(Seconds(root.GetProperty("expires_in"))));
            }
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException or OverflowException)
        {
            // Told below: what it did answer may hold a token.
        }

        throw new ProviderCredentialException($"{_called}: the token endpoint's answer holds no token.");
    }

    /// <summary>Metadata services say numbers as text.</summary>
    private static double Seconds(JsonElement told) => told.ValueKind == JsonValueKind.String
        ? double.Parse(told.GetString()!, System.Globalization.CultureInfo.InvariantCulture)
        : told.GetDouble();

    /// <summary>The first line of what it says: the rest are ids and times.</summary>
    private ProviderCredentialException Refused(HttpStatusCode status, byte[] body)
    {
        string words = "";
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            string? error = document.RootElement.GetProperty("error").GetString();
            string? description = document.RootElement.TryGetProperty("error_description", out JsonElement told)
                ? told.GetString()?.Split('\r', '\n')[0] : null;
            words = $", {error}: {description}";
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // Not its envelope: the status must do.
        }

        return new ProviderCredentialException(
            $"{_called}: no token was given (status {(int)status}{words}). Check the client's secret or certificate, " +
            "that the identity is still there, and this machine's clock.")
        {
            IsTransient = (int)status is 429 or >= 500,
        };
    }
}

using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Forebay.TestKit.Providers.Tokens;

/// <summary>
/// The token endpoints of Google and Microsoft on a real socket: it checks what a token is asked with (a service
/// account's assertion with its signature and claims, a refresh token, a client's secret or certificate, a workload's
/// federated token, the metadata service's header) and issues tokens that expire and can be revoked.
/// </summary>
public sealed class TokenIssuer : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, DateTimeOffset> _tokens = new();
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly ConcurrentQueue<(int Status, string Json)> _faults = new();
    private readonly TimeProvider _time;
    private ScriptedUpstream _upstream = null!;
    private int _issued;
    private (int Status, string Json)? _always;

    private TokenIssuer(TimeProvider time) => _time = time;

    public Uri Address => _upstream.Address;

    /// <summary>How long tokens hold.</summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromHours(1);

    /// <summary>The accounts whose assertions are good.</summary>
    public ConcurrentDictionary<string, ServiceAccount> Accounts { get; } = new();

    /// <summary>Entra's clients: id to secret.</summary>
    public ConcurrentDictionary<string, string> Clients { get; } = new();

    /// <summary>Entra's clients that prove themselves by a certificate.</summary>
    public ConcurrentDictionary<string, X509Certificate2> Certificates { get; } = new();

    /// <summary>Entra's clients that prove themselves by another issuer's token.</summary>
    public ConcurrentDictionary<string, string> Federated { get; } = new();

    /// <summary>Refresh tokens of people who logged in.</summary>
    public ConcurrentDictionary<string, bool> RefreshTokens { get; } = new();

    /// <summary>How many tokens were issued.</summary>
    public int Issued => Volatile.Read(ref _issued);

    /// <summary>How often one was asked for.</summary>
    public int Asked => _upstream.Requests.Count;

    /// <summary>What was wrong with what was asked, as the issuer sees it. Faults are none.</summary>
    public IReadOnlyList<string> Complaints => [.. _complaints];

    /// <summary>Held while set: nobody is answered before it completes.</summary>
    public Task? Gate { get; set; }

    public static async Task<TokenIssuer> StartAsync(TimeProvider? time = null)
    {
        var issuer = new TokenIssuer(time ?? TimeProvider.System);
        issuer._upstream = await ScriptedUpstream.StartAsync(issuer.AnswerAsync);
        return issuer;
    }

    /// <summary>A new service account, whose tokens are asked for here.</summary>
    public ServiceAccount NewAccount(string project)
    {
        var account = new ServiceAccount($"forebay-{Accounts.Count}@{project}.iam.gserviceaccount.com", project);
        Accounts[account.Email] = account;
        return account;
    }

    /// <summary>Whether a token is in force.</summary>
    public bool IsToken(string token) => _tokens.TryGetValue(token, out DateTimeOffset until) && _time.GetUtcNow() < until;

    /// <summary>Takes every token out of force; new ones are issued.</summary>
    public void RevokeAll() => _tokens.Clear();

    /// <summary>Lets the next requests for a token fail, one each.</summary>
    public void FailNext(int status, string json) => _faults.Enqueue((status, json));

    /// <summary>Lets every request fail; null for none.</summary>
    public void FailAlways((int Status, string Json)? fault) => _always = fault;

    public async ValueTask DisposeAsync()
    {
        await _upstream.DisposeAsync();
        foreach (ServiceAccount account in Accounts.Values)
        {
            account.Dispose();
        }
    }

    private async Task AnswerAsync(HttpContext http, ReceivedRequest request)
    {
        if (Gate is { } gate)
        {
            await gate;
        }

        if ((_faults.TryDequeue(out (int, string) fault) ? fault : _always) is { } failing)
        {
            await ScriptedUpstream.JsonAsync(http, failing.Status, failing.Json);
            return;
        }

        Dictionary<string, string> form = QueryHelpers.ParseQuery(request.Method == "POST" ? request.Text : request.Query)
            .ToDictionary(p => p.Key, p => p.Value.ToString());
        string? problem = Check(request, form);
        if (problem is not null)
        {
            _complaints.Enqueue($"{request.Method} {request.Path}: {problem}");
            await ScriptedUpstream.JsonAsync(
                http, 400, $$"""{"error":"invalid_grant","error_description":"{{problem}}"}""");
            return;
        }

        string token = $"ya29.token-{Interlocked.Increment(ref _issued)}";
        DateTimeOffset until = _time.GetUtcNow() + Lifetime;
        _tokens[token] = until;
        // Metadata services say numbers as text.
        string seconds = request.Method == "GET" && request.Path.StartsWith("/metadata", StringComparison.Ordinal)
            ? $"\"{(long)Lifetime.TotalSeconds}\""
            : $"{(long)Lifetime.TotalSeconds}";
        await ScriptedUpstream.JsonAsync(
            http,
            200,
            $$"""{"access_token":"{{token}}","expires_in":{{seconds}},"expires_on":"{{until.ToUnixTimeSeconds()}}","token_type":"Bearer"}""");
    }

    private string? Check(ReceivedRequest request, Dictionary<string, string> form)
    {
        string path = request.Path;
        return (request.Method, path) switch
        {
            ("POST", "/token") => form.GetValueOrDefault("grant_type") switch
            {
                "urn:ietf:params:oauth:grant-type:jwt-bearer" =>
                    Assertions.CheckServiceAccount(form.GetValueOrDefault("assertion"), Accounts, _time.GetUtcNow()),
                "refresh_token" => RefreshTokens.ContainsKey(form.GetValueOrDefault("refresh_token") ?? "")
                    ? null : "Token has been expired or revoked.",
                var other => $"unknown grant_type {other}",
            },
            ("POST", _) when path.EndsWith("/oauth2/v2.0/token", StringComparison.Ordinal) => CheckEntra(form),
            ("GET", "/computeMetadata/v1/instance/service-accounts/default/token") =>
                request.Headers.GetValueOrDefault("Metadata-Flavor") == "Google" ? null : "no Metadata-Flavor",
            ("GET", "/metadata/identity/oauth2/token") =>
                request.Headers.GetValueOrDefault("Metadata") != "true" ? "no Metadata: true"
                : form.GetValueOrDefault("api-version") is null ? "no api-version"
                : form.GetValueOrDefault("resource") is null ? "no resource"
                : null,
            _ => "nothing is at this path",
        };
    }

    private string? CheckEntra(Dictionary<string, string> form)
    {
        string client = form.GetValueOrDefault("client_id") ?? "";
        if (form.GetValueOrDefault("grant_type") != "client_credentials")
        {
            return "grant_type is not client_credentials";
        }

        if (form.GetValueOrDefault("scope")?.EndsWith("/.default", StringComparison.Ordinal) != true)
        {
            return "scope does not end with /.default";
        }

        if (form.TryGetValue("client_secret", out string? secret))
        {
            return Clients.TryGetValue(client, out string? known) && known == secret
                ? null : "AADSTS7000215: Invalid client secret provided.";
        }

        string? assertion = form.GetValueOrDefault("client_assertion");
        if (form.GetValueOrDefault("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        {
            return "client_assertion_type is not jwt-bearer";
        }

        return Certificates.TryGetValue(client, out X509Certificate2? certificate)
            ? Assertions.CheckCertificate(assertion, client, certificate, _time.GetUtcNow())
            : Federated.TryGetValue(client, out string? federated) && federated == assertion
                ? null : "AADSTS700016: unknown client or assertion";
    }
}

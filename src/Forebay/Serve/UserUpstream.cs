using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;

namespace Forebay.Serve;

/// <summary>A model found at a user's upstream.</summary>
public sealed record FoundModel(string Id, int ContextTokens, int MaxOutputTokens);

/// <summary>
/// The user's own capacity, added to the pool by <c>--upstream</c>: an OpenAI-compatible server (vLLM, SGLang, Ollama)
/// by its URL, or a vendor's API by name with the key in the environment. It is asked for its models once, at the
/// start, which costs nothing; tokens are spent only by requests for its models.
/// </summary>
public sealed class UserUpstream
{
    private const string AnthropicVersion = "anthropic-version";
    private const string AnthropicVersionDay = "2023-06-01";
    private const int DefaultContextTokens = 131_072;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string _id;
    private readonly Uri _endpoint;
    private readonly Backing _backing;
    private readonly string? _credential;
    private readonly Dialect[] _dialects;

    private UserUpstream(
        string id,
        Uri endpoint,
        Backing backing,
        string? credential,
        Dialect[] dialects,
        IReadOnlyList<FoundModel> models)
    {
        _id = id;
        _endpoint = endpoint;
        _backing = backing;
        _credential = credential;
        _dialects = dialects;
        Models = models;
    }

    /// <summary>What it serves.</summary>
    public IReadOnlyList<FoundModel> Models { get; }

    /// <summary>Finds out what an upstream serves and which dialects it speaks.</summary>
    /// <param name="text">A URL, <c>anthropic</c> or <c>openai</c>.</param>
    /// <param name="number">Tells several apart.</param>
    /// <param name="environment">Reads an environment variable.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="StartException">It cannot be used; says what to do.</exception>
    public static async Task<UserUpstream> ConnectAsync(
        string text,
        int number,
        Func<string, string?> environment,
        CancellationToken cancel)
    {
        (Uri endpoint, string? variable, Backing backing, Dialect? only) = text switch
        {
            "anthropic" => (BaseOf(environment, "ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
                "ANTHROPIC_API_KEY", Backing.Cloud, (Dialect?)Dialect.Anthropic),
            "openai" => (BaseOf(environment, "OPENAI_BASE_URL", "https://api.openai.com"),
                "OPENAI_API_KEY", Backing.Cloud, Dialect.OpenAi),
            _ when Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" =>
                (Trim(uri!), "FOREBAY_UPSTREAM_KEY", Backing.Real, null),
            _ => throw new StartException(
                $"--upstream {text} is neither a URL (http://host:port) nor one of: anthropic, openai."),
        };
        string? secret = environment(variable);
        if (only is not null && string.IsNullOrEmpty(secret))
        {
            throw new StartException($"--upstream {text} needs a key: set {variable} in the environment.");
        }

        string id = only is null ? $"own-{number}" : text;
        using var http = new HttpClient { Timeout = Patience };
        IReadOnlyList<FoundModel> models = await ListAsync(http, endpoint, only, secret, cancel);
        Dialect[] dialects = only switch
        {
            Dialect.OpenAi => [Dialect.OpenAi, Dialect.Responses],
            { } one => [one],
            null => await ProbeAsync(http, endpoint, secret, cancel),
        };
        string? credential = string.IsNullOrEmpty(secret) ? null : "env:" + variable;
        return new UserUpstream(id, endpoint, backing, credential, dialects, models);
    }

    /// <summary>The configuration with this upstream's provider, site, pool, models and deployments added.</summary>
    public FleetConfig AddTo(FleetConfig config)
    {
        string id = FreeId(config);
        var known = config.Models
            .SelectMany(m => m.Aliases.Prepend(m.Id).Select(name => (name, m.Id)))
            .ToDictionary(StringComparer.Ordinal);
        return config with
        {
            Providers = [.. config.Providers, new ProviderConfig { Id = id, Name = "your own: " + _endpoint.Host }],
            Sites =
            [
                .. config.Sites,
                new SiteConfig { Id = id, Provider = id, Kind = SiteKind.Datacenter, Jurisdiction = "own" },
            ],
            Pools = [.. config.Pools, new PoolConfig { Id = id, Site = id, Quota = new PoolQuotaConfig() }],
            Models = [.. config.Models, .. Models.Where(m => !known.ContainsKey(m.Id)).Select(ModelOf)],
            Deployments =
            [
                .. config.Deployments,
                .. Models.Select((m, i) => new DeploymentConfig
                {
                    Id = $"{id}-{i + 1}",
                    Model = known.GetValueOrDefault(m.Id, m.Id),
                    UpstreamModel = m.Id,
                    Pool = id,
                    Endpoint = _endpoint,
                    Backing = _backing,
                    Credential = _credential,
                    Dialects = _dialects,
                }),
            ],
        };
    }

    /// <summary>A name that nothing in the fleet has: its author may call a provider <c>anthropic</c> too.</summary>
    private string FreeId(FleetConfig config)
    {
        HashSet<string> taken =
        [
            .. config.Providers.Select(p => p.Id), .. config.Sites.Select(s => s.Id), .. config.Pools.Select(p => p.Id),
            .. config.ConcentrationGroups.Select(g => g.Id), .. config.Deployments.Select(d => d.Id),
        ];
        return Enumerable.Range(1, int.MaxValue)
            .Select(n => n == 1 ? _id : $"{_id}-up{n}")
            .First(id => !taken.Contains(id)
                && !Enumerable.Range(1, Models.Count).Any(i => taken.Contains($"{id}-{i}")));
    }

    private static ModelConfig ModelOf(FoundModel found) => new()
    {
        Id = found.Id,
        ContextTokens = found.ContextTokens,
        MaxOutputTokens = found.MaxOutputTokens,
        Modalities = [Modality.Text, Modality.Image, Modality.Document, Modality.Audio],
        ParametersBillion = new Figure
        {
            Value = 1, Basis = Basis.Assumed, Source = "unknown, and of no use for an endpoint that sizes itself",
        },
    };

    private static Uri BaseOf(Func<string, string?> environment, string variable, string vendor) =>
        environment(variable) is not { Length: > 0 } set ? new Uri(vendor)
            : Uri.TryCreate(set, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" ? Trim(uri!)
            : throw new StartException($"{variable} is set to '{set}', which is no URL like {vendor}. Correct it.");

    /// <summary>Many write the base URL with /v1; endpoints are kept without.</summary>
    private static Uri Trim(Uri uri)
    {
        string text = uri.AbsoluteUri.TrimEnd('/');
        return new Uri(text.EndsWith("/v1", StringComparison.Ordinal) ? text[..^3] : text);
    }

    private static Uri Under(Uri endpoint, string path) => new(endpoint.AbsoluteUri.TrimEnd('/') + path);

    private static async Task<IReadOnlyList<FoundModel>> ListAsync(
        HttpClient http,
        Uri endpoint,
        Dialect? dialect,
        string? secret,
        CancellationToken cancel)
    {
        try
        {
            using HttpRequestMessage request = Ask(
                HttpMethod.Get, Under(endpoint, "/v1/models?limit=1000"), dialect, secret);
            using HttpResponseMessage response = await http.SendAsync(request, cancel);
            if (!response.IsSuccessStatusCode)
            {
                throw new StartException(
                    $"{endpoint} answered {(int)response.StatusCode} when asked for its models. Check the address " +
                    "and the key.");
            }

            await using Stream body = await response.Content.ReadAsStreamAsync(cancel);
            using JsonDocument list = await JsonDocument.ParseAsync(body, default, cancel);
            FoundModel[] found =
                [.. list.RootElement.GetProperty("data").EnumerateArray().Select(Read).DistinctBy(m => m.Id)];
            return found.Length > 0 ? found : throw new StartException($"{endpoint} serves no model.");
        }
        catch (Exception e) when (IsUnreachable(e, cancel))
        {
            throw Unreachable(endpoint, e);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new StartException($"{endpoint} answered /v1/models with something that is no list of models.");
        }
    }

    private static FoundModel Read(JsonElement model)
    {
        int context = Number(model, "max_input_tokens") ?? Number(model, "max_model_len") ?? DefaultContextTokens;
        return new FoundModel(
            model.GetProperty("id").GetString() is { Length: > 0 } id ? id : throw new JsonException("an id is empty"),
            context,
            // Where the server names no limit of its own, ours would refuse what it could answer.
            Math.Min(context, Number(model, "max_tokens") ?? context));
    }

    private static int? Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value)
            && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number > 0
            ? number
            : null;

    /// <summary>A server that knows the Messages path refuses an empty body; one that does not says 404 or 405. Neither
    /// spends a token. Engines of one's own read a bearer key in both dialects, as requests then send it.</summary>
    private static async Task<Dialect[]> ProbeAsync(
        HttpClient http,
        Uri endpoint,
        string? secret,
        CancellationToken cancel)
    {
        using HttpRequestMessage request = Ask(HttpMethod.Post, Under(endpoint, "/v1/messages"), null, secret);
        request.Headers.Add(AnthropicVersion, AnthropicVersionDay);
        request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        try
        {
            using HttpResponseMessage response = await http.SendAsync(request, cancel);
            return (int)response.StatusCode is 400 or 422
                ? [Dialect.OpenAi, Dialect.Anthropic]
                : [Dialect.OpenAi];
        }
        catch (Exception e) when (IsUnreachable(e, cancel))
        {
            throw Unreachable(endpoint, e);
        }
    }

    private static bool IsUnreachable(Exception e, CancellationToken cancel) =>
        e is HttpRequestException or IOException or OperationCanceledException && !cancel.IsCancellationRequested;

    private static StartException Unreachable(Uri endpoint, Exception e) => new(
        $"{endpoint} cannot be reached: {(e.InnerException ?? e).Message} Start it, or correct --upstream.");

    private static HttpRequestMessage Ask(HttpMethod method, Uri uri, Dialect? dialect, string? secret)
    {
        var request = new HttpRequestMessage(method, uri);
        if (dialect == Dialect.Anthropic)
        {
            request.Headers.Add(AnthropicVersion, AnthropicVersionDay);
        }

        if (!string.IsNullOrEmpty(secret))
        {
            if (dialect == Dialect.Anthropic)
            {
                request.Headers.Add("x-api-key", secret);
            }
            else
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", secret);
            }
        }

        return request;
    }
}

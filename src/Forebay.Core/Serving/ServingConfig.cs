using System.Text.Json.Serialization;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Providers;
using Forebay.Core.Serving.Versions;
using Forebay.Core.Serving.Rollout;

namespace Forebay.Core.Serving;

/// <summary>A wire format that clients and upstreams speak.</summary>
public enum Dialect : byte
{
    /// <summary>Anthropic Messages: <c>/v1/messages</c>.</summary>
    Anthropic,

    /// <summary>OpenAI chat completions: <c>/v1/chat/completions</c>.</summary>
    [JsonStringEnumMemberName("openai")]
    OpenAi,

    /// <summary>OpenAI responses: <c>/v1/responses</c>.</summary>
    Responses,

    /// <summary>Bedrock Converse: no client's dialect, only an upstream's.</summary>
    Converse,
}

/// <summary>How a provider is called: where its paths are, what frames its bodies and streams, how a caller proves who
/// it is.</summary>
public enum ProviderApi : byte
{
    /// <summary>As the dialects' vendors and inference engines are.</summary>
    Direct,

    /// <summary>Amazon Bedrock's runtime.</summary>
    Bedrock,

    /// <summary>Google Vertex AI, Anthropic's models as published there.</summary>
    Vertex,

    /// <summary>Microsoft Foundry and Azure OpenAI.</summary>
    Azure,
}

/// <summary>What stands behind a deployment; shown wherever its answers are.</summary>
public enum Backing : byte
{
    /// <summary>The engine emulator: timing from a model, text that means nothing.</summary>
    Emulated,

    /// <summary>An engine on accelerators of the fleet.</summary>
    Real,

    /// <summary>A provider's API account.</summary>
    Cloud,
}

/// <summary>What a request or a model may hold besides text.</summary>
public enum Modality : byte
{
    Text,
    Image,
    Document,
    Audio,
}

/// <summary>How a model goes on with an answer that it began somewhere else.</summary>
public enum ContinuationManner : byte
{
    /// <summary>It cannot: an answer that breaks off ends with an error.</summary>
    None,

    /// <summary>It goes on with the text of an assistant message that stands last.</summary>
    AssistantPrefill,

    /// <summary>As <see cref="AssistantPrefill"/>, where the request says so: <c>continue_final_message</c> with
    /// <c>add_generation_prompt</c> off, as in vLLM and SGLang. In the OpenAI dialect only.</summary>
    ContinueFinalMessage,
}

/// <summary>Prices in force from a day on, in US dollars per million tokens.</summary>
public sealed record PriceConfig
{
    /// <summary>Far above any price asked, and low enough that micro-units never overflow.</summary>
    private const double MaxUsd = 1_000_000;

    [ConfigKey("First day (UTC) the prices hold; left out in the first entry they hold since ever.")]
    public DateOnly? From { get; init; }

    [ConfigKey("US dollars per million uncached input tokens.", Required = true, Minimum = 0, Maximum = MaxUsd)]
    public required decimal Input { get; init; }

    [ConfigKey("US dollars per million output tokens.", Required = true, Minimum = 0, Maximum = MaxUsd)]
    public required decimal Output { get; init; }

    [ConfigKey("US dollars per million input tokens read from cache; a tenth of input when left out.", Minimum = 0,
        Maximum = MaxUsd)]
    public decimal? CacheRead { get; init; }

    [ConfigKey("US dollars per million input tokens written to cache; 1.25 times input when left out.", Minimum = 0,
        Maximum = MaxUsd)]
    public decimal? CacheWrite { get; init; }

    [ConfigKey("What items of batches cost, as a share of these prices; 0.5 is half.", Minimum = 0, Maximum = 10)]
    public decimal BatchFactor { get; init; } = 1;
}

/// <summary>What clients ask for by name.</summary>
public sealed record ModelConfig
{
    [ConfigKey("The name that clients send.", Required = true, Pattern = Ids.ModelPattern)]
    public required string Id { get; init; }

    [ConfigKey("Name shown to people; the id when left out.")]
    public string? DisplayName { get; init; }

    [ConfigKey("Other names that clients may send for it.", Pattern = Ids.ModelPattern)]
    public string[] Aliases { get; init; } = [];

    [ConfigKey("Day the model was released.")]
    public DateOnly? Created { get; init; }

    [ConfigKey("Longest prompt plus answer, in tokens.", Required = true, Minimum = 1)]
    public required int ContextTokens { get; init; }

    [ConfigKey("Longest answer, in tokens.", Required = true, Minimum = 1)]
    public required int MaxOutputTokens { get; init; }

    [ConfigKey("What prompts may hold: text, image, document, audio.")]
    public Modality[] Modalities { get; init; } = [Modality.Text];

    [ConfigKey("Whether it embeds texts (POST /v1/embeddings), and answers no prompts.")]
    public bool Embeddings { get; init; }

    [ConfigKey("Whether the model can call tools.")]
    public bool Tools { get; init; } = true;

    [ConfigKey("Total parameters in billions; sizes the weights.", Required = true, Minimum = 0.001)]
    public required Figure ParametersBillion { get; init; }

    [ConfigKey("Parameters active per token in billions, for mixture-of-experts; the total when left out.",
        Minimum = 0.001)]
    public Figure? ActiveParametersBillion { get; init; }

    [ConfigKey("Bytes per weight: 2 for BF16, 1 for FP8, 0.5 for FP4.", Minimum = 0.25, Maximum = 4)]
    public double BytesPerWeight { get; init; } = 1;

    [ConfigKey("Bytes of KV cache per token of context.", Minimum = 1)]
    public Figure? KvBytesPerToken { get; init; }

    [ConfigKey("How an answer that breaks off is gone on with at another deployment: none, assistant_prefill (an " +
        "assistant message that stands last is gone on with), or continue_final_message (the fields of that name of " +
        "vLLM and SGLang, OpenAI dialect only).")]
    public ContinuationManner Continuation { get; init; }

    [ConfigKey("What customers pay, by date.")]
    public PriceConfig[] Prices { get; init; } = [];

    [ConfigKey("Where the model's weights may not run, or only may; everywhere when left out.")]
    public ExportRuleConfig? Export { get; init; }

    [ConfigKey("Its versions, for pools whose placement is automatic. The first one is served until a rollout says " +
        "otherwise.")]
    public ModelVersionConfig[] Versions { get; init; } = [];

    [ConfigKey("What automatic placement owes it.")]
    public ModelPlacementConfig Placement { get; init; } = new();
    [ConfigKey("How a new version takes over from the one before (`forebay rollout`).")]
    public RolloutConfig Rollout { get; init; } = new();
}

/// <summary>TLS towards an upstream.</summary>
public sealed record UpstreamTlsConfig
{
    [ConfigKey("PEM file with the certificate authorities to trust instead of the system's.")]
    public string? CaFile { get; init; }

    [ConfigKey("PEM file with the client certificate to present.")]
    public string? ClientCertificateFile { get; init; }

    [ConfigKey("PEM file with the key of the client certificate.")]
    public string? ClientKeyFile { get; init; }
}

/// <summary>How long to wait for an upstream, in seconds.</summary>
public sealed record UpstreamTimeoutsConfig
{
    [ConfigKey("To open a connection, TLS included.", Minimum = 0.01, Maximum = 600)]
    public double ConnectSeconds { get; init; } = 5;

    [ConfigKey("From the request sent to the first byte of the answer.", Minimum = 0.01, Maximum = 3600)]
    public double FirstByteSeconds { get; init; } = 600;

    [ConfigKey("Between two bytes of a stream.", Minimum = 0.01, Maximum = 3600)]
    public double IdleSeconds { get; init; } = 120;

    [ConfigKey("For the whole exchange.", Minimum = 0.01, Maximum = 86400)]
    public double TotalSeconds { get; init; } = 3600;
}

/// <summary>A model served on a pool.</summary>
public sealed record DeploymentConfig
{
    [ConfigKey("Short name used everywhere else.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("The model served.", Required = true, RefersTo = "models")]
    public required string Model { get; init; }

    [ConfigKey("The pool it runs on.", Required = true, RefersTo = "pools")]
    public required string Pool { get; init; }

    [ConfigKey("Copies of the model.", Minimum = 1, Maximum = 100_000)]
    public int Replicas { get; init; } = 1;

    [ConfigKey("Accelerators each copy takes; 0 on an API quota.", Minimum = 0, Maximum = 100_000)]
    public int AcceleratorsPerReplica { get; init; }

    [ConfigKey("Wire formats the endpoint speaks, the one to translate into first.")]
    public Dialect[] Dialects { get; init; } = [Dialect.OpenAi];

    [ConfigKey("How the endpoint is called: direct is as the dialects' vendors and inference engines are, the others " +
        "as that provider's API is.")]
    public ProviderApi Api { get; init; } = ProviderApi.Direct;

    [ConfigKey("Where a model on Google Vertex is; for api: vertex.")]
    public GoogleConfig? Google { get; init; }

    [ConfigKey("Where a model on Amazon Bedrock is, and what it takes; for api: bedrock.")]
    public AwsConfig? Aws { get; init; }

    [ConfigKey("Which Azure resource serves it; for api: azure.")]
    public AzureConfig? Azure { get; init; }

    [ConfigKey("Every jurisdiction it may run in, where the provider moves requests between regions; its site's " +
        "alone when left out. A request goes there only if it may run in each of them; * is every jurisdiction there " +
        "is.",
        Pattern = @"\*|" + Ids.Pattern, Example = "[us, eu]")]
    public string[]? RunsIn { get; init; }

    [ConfigKey("Base URL of the server, without /v1. Left out: an emulated engine under `forebay up`, not served " +
        "under `forebay serve`.", Example = "http://10.0.0.7:8000")]
    public Uri? Endpoint { get; init; }

    [ConfigKey("What answers at the endpoint: real (an engine on accelerators) or cloud (a provider's API account). " +
        "Left out: cloud on a pool with a quota, else real.")]
    public Backing? Backing { get; init; }

    [ConfigKey("The model's name at the endpoint; the model's id when left out.")]
    public string? UpstreamModel { get; init; }

    [ConfigKey("Which version of the model it serves, in any words. An answer is gone on with only between " +
        "deployments of the same version; those that leave it out count as one.", Example = "2026-10-01")]
    public string? ModelVersion { get; init; }

    [ConfigKey("Longest prompt plus answer here, in tokens; the model's when left out.", Minimum = 1)]
    public int? ContextTokens { get; init; }

    [ConfigKey("What prompts may hold here; the model's when left out.")]
    public Modality[]? Modalities { get; init; }

    [ConfigKey("Whether it can call tools; as the model when left out.")]
    public bool? Tools { get; init; }

    [ConfigKey("What a provider's account is asked for as inference_geo with every request, in place of the " +
        "client's, such as us; none sends nothing. Left out: a provider's account gets the client's, an engine " +
        "nothing.", Pattern = Ids.Pattern)]
    public string? InferenceGeo { get; init; }

    [ConfigKey("Secret sent to the endpoint: env:NAME or file:PATH. For api: vertex the Google identity that calls: " +
        "google:adc (the machine's own) or google:file/PATH (a credential file). For api: bedrock the AWS identity " +
        "that calls, aws:default (what the machine has) or aws:profile/NAME, or a Bedrock API key.", Secret = true,
        Example = "env:ANTHROPIC_API_KEY")]
    public string? Credential { get; init; }

    [ConfigKey("Most requests in flight at once, over all replicas.", Minimum = 1, Maximum = 1_000_000)]
    public int MaxConcurrency { get; init; } = 256;

    [ConfigKey("What the provider charges per token, by date; left out for committed accelerators, whose marginal " +
        "cost is zero.")]
    public PriceConfig[] Cost { get; init; } = [];

    [ConfigKey("TLS towards the endpoint.")]
    public UpstreamTlsConfig? Tls { get; init; }

    [ConfigKey("Egress proxy for this endpoint, http:// or socks5://.")]
    public Uri? Proxy { get; init; }

    [ConfigKey("How long to wait for the endpoint.")]
    public UpstreamTimeoutsConfig Timeouts { get; init; } = new();

    [ConfigKey("How it is watched: probes, engine metrics, adaptive concurrency.")]
    public DeploymentHealthConfig Health { get; init; } = new();
}

/// <summary>Where a tenant's requests may be served. Fails closed: what is not allowed is denied.</summary>
public sealed record ResidencyPolicyConfig
{
    [ConfigKey("Short name used everywhere else.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("Jurisdictions allowed; * allows every one.", Required = true, Pattern = @"\*|" + Ids.Pattern,
        Example = "[us, eu]")]
    public required string[] Jurisdictions { get; init; }

    [ConfigKey("Kinds of site allowed; orbital only where it is named.")]
    public SiteKind[] SiteKinds { get; init; } = [SiteKind.Region, SiteKind.Datacenter];
}

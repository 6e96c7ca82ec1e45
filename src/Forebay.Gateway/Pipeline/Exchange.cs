using Forebay.Core.Access;
using Forebay.Core.Capacity.Quotas;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Explain;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Serving.Rollout;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Forebay.Gateway.Batches;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Continuation;
using Forebay.Gateway.Relay;
using Forebay.Gateway.Translation;
using Forebay.Protocols;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// One request on its way through the numbered steps: what each step found out, for the ones after it. Owned by one
/// request, never shared.
/// </summary>
internal sealed class Exchange(HttpContext http, InForce inForce, Dialect dialect, UInt128 id, Instant accepted)
{
    public HttpContext Http { get; } = http;

    /// <summary>What the request's permissions were decided on last: what was in force when it came, or later on
    /// when that changed before one of its attempts.</summary>
    public InForce InForce { get; set; } = inForce;

    /// <summary>The snapshot that the request is served by.</summary>
    public FleetModel Fleet => InForce.Model;

    public GatewayConfig Settings => Fleet.Config.Server.Gateway;

    public Dialect Dialect { get; } = dialect;

    public WireDialect Wire => (WireDialect)Dialect;

    public UInt128 Id { get; } = id;

    public string IdText { get; } = RequestId.Format(id);

    public Instant Accepted { get; } = accepted;

    /// <summary>The item of a batch that it is; null for a client's own request.</summary>
    public BatchRun? Batch { get; init; }

    /// <summary>The class that it waits in.</summary>
    public PriorityClass Priority => Batch is null ? Tenant!.Tier.Priority : PriorityClass.Batch;

    // Step 1.
    public SecretMemo? Memo { get; init; }

    public ApiKey? Key { get; set; }

    public Tenant? Tenant { get; set; }

    // Steps 2 and 3.
    public PooledBuffer? Body { get; set; }

    public RequestFacts Facts;

    /// <summary>Texts are to be embedded rather than a prompt answered.</summary>
    public bool Embeds { get; init; }

    /// <summary>Texts to embed, where there are several.</summary>
    public int Items { get; set; } = 1;

    /// <summary>Estimated tokens of the longest text to embed.</summary>
    public long LongestItemTokens { get; set; }

    /// <summary>What must fit into the model's context, in tokens by estimate: the prompt, or the longest text to
    /// embed.
    /// </summary>
    public long ContextTokens => Embeds ? LongestItemTokens : ExpectedInputTokens;

    // Step 4.
    public ServedModel? Model { get; set; }

    /// <summary>Tokens that the prompt is expected to have: the estimate that was read from it, corrected by what the
    /// model's tokenizer makes of others.</summary>
    public long ExpectedInputTokens { get; set; }

    /// <summary>Where its data may go.</summary>
    public PermissionRules Rules { get; set; }

    /// <summary>Whether <see cref="Rules"/> were read: not for a request that was refused before.</summary>
    public bool RulesKnown { get; set; }

    /// <summary>What its attempts were last held against, right before one was sent.</summary>
    public InForce? Guarded { get; set; }

    /// <summary>The deployments that may serve it.</summary>
    public EligibleSet Eligible { get; set; } = EligibleSet.Empty;

    /// <summary>What decides on the version that serves it; null where nothing does.</summary>
    public VersionSplit? Split { get; set; }

    /// <summary>The deployments that may serve it, whatever their version; set with <see cref="Split"/>.</summary>
    public EligibleSet AnyVersion { get; set; } = EligibleSet.Empty;

    /// <summary>Whether it is the new version's; set with <see cref="Split"/>.</summary>
    public bool TakesNew { get; set; }

    /// <summary>The version that it was on failed it, and it goes on with the other.</summary>
    public bool TriedOther { get; set; }

    /// <summary>Hashes of the prompt's blocks, where they could decide something.</summary>
    public PromptPrefix? Prefix { get; set; }

    /// <summary>Number of the region that the client is in; negative when it is not known.</summary>
    public int Region { get; set; } = -1;

    /// <summary>Where the attempt in hand goes; a place is held there.</summary>
    public Route Route { get; set; }

    /// <summary>What the attempt in hand took a share of; null where its pool has no quota.</summary>
    public QuotaMeter? Quota { get; set; }

    /// <summary>The share that it took.</summary>
    public QuotaUse QuotaTaken { get; set; }

    /// <summary>Its story says already that no place was free.</summary>
    public bool NoPlaceTold { get; set; }

    /// <summary>The router was told that the attempt's prompt has been computed, or never will be.</summary>
    public bool RouteAnswered { get; set; }

    /// <summary>Monotonic time of the first token of the attempt in hand; 0 before it.</summary>
    public long FirstTokenNs { get; set; }

    /// <summary>The request in other dialects, once a deployment that does not speak the client's came into
    /// question.</summary>
    public ForeignRequests? Foreign { get; set; }

    /// <summary>What the attempt in hand left out of the request, for the header; empty for nothing.</summary>
    public string LeftOut { get; set; } = "";

    /// <summary>Its story, where that is kept.</summary>
    public Explanation? Story { get; set; }

    // Step 5.
    public LimitReservation Reservation { get; set; }

    public bool Reserved { get; set; }

    /// <summary>When the limits were asked: windows and prices go by it, and the records say it, so that what is
    /// rebuilt from them is the same.</summary>
    public Instant ReservedAt { get; set; }

    /// <summary>The accept record was written: a usage record must follow, exactly once.</summary>
    public bool AcceptRecorded { get; set; }

    public bool Settled { get; set; }

    // Steps 6 to 9.
    /// <summary>Monotonic time until which the client can use a place; the server's own bounds come on top.</summary>
    public long ClientDeadlineNs { get; set; } = long.MaxValue;

    /// <summary>Charges the tenant's share of the model.</summary>
    public ServiceMeter Service;

    public Deployment? Deployment { get; set; }

    public int Attempts { get; set; }

    /// <summary>An upstream has the request and did not answer it to the end yet.</summary>
    public bool AttemptOpen { get; set; }

    /// <summary>When the attempt under way got its place, on the monotonic clock.</summary>
    public long EnteredNs { get; set; }

    /// <summary>Where it was sent last, and by what permission; nowhere before the first attempt.</summary>
    public ServedPlace Place { get; set; }

    /// <summary>Where it was sent before; null until a second attempt is sent.</summary>
    public List<ServedPlace>? EarlierPlaces { get; set; }

    public double QueueMs { get; set; }

    public double TimeToFirstTokenMs { get; set; } = -1;

    public TokenUsage Tokens { get; set; }

    public bool TokensEstimated { get; set; }

    public ClientStream? Stream { get; set; }

    /// <summary>The number of the stream's next event, in a dialect that counts its events.</summary>
    public long NextSequence { get; set; }

    /// <summary>Remembers what the answer issues; null where nothing is to be.</summary>
    public IssuedState.Sink? Issued { get; set; }

    /// <summary>The streamed answer, where it can be gone on with if it breaks off.</summary>
    public OpenAnswer? Answer { get; set; }

    /// <summary>The client went away: whatever fails now is neither ours nor the upstream's doing.</summary>
    public bool ClientGone =>
        Http.RequestAborted.IsCancellationRequested || Stream is { ClientLeft: true } || ClientStalled;

    /// <summary>The client stopped reading its answer and was cut for it.</summary>
    public bool ClientStalled { get => field || Stream is { Stalled: true }; set; }

    /// <summary>HTTP status sent.</summary>
    public int Status { get; set; }
}

using Forebay.Control.Audit;
using Forebay.Core.Batches;
using Forebay.Core.Fleet;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Batches;

/// <summary>What batches are run with.</summary>
/// <param name="Fleet">Settings, models, tenants and places.</param>
/// <param name="Store">Batches and files.</param>
/// <param name="Contents">What is in them.</param>
/// <param name="Settled">What was answered before a process died.</param>
/// <param name="Change">The audit log.</param>
/// <param name="Time">The clock.</param>
/// <param name="Logger">For operators.</param>
public sealed record BatchDeskParts(
    FleetState Fleet,
    IBatchStore Store,
    IContentStore Contents,
    ISettledRequests Settled,
    AuditedChange Change,
    TimeProvider Time,
    ILogger Logger)
{
    public BatchesConfig Config => Fleet.Model.Config.Server.Batches;

    public long NowMs => Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>What ids of batches begin with whose results stay in their log.</summary>
    public const string MessagesPrefix = "msgbatch_";

    public static bool HasLogResults(string id) => id.StartsWith(MessagesPrefix, StringComparison.Ordinal);

    public static ContentName ItemsOf(Batch batch) => new(batch.Tenant, ContentKind.Items, batch.Id);

    public static ContentName LogOf(Batch batch) => new(batch.Tenant, ContentKind.Log, batch.Id);

    public static ContentName ContentOf(StoredFile file) => new(file.Tenant, ContentKind.File, file.Id);
}

using Forebay.Core.Access;
using Forebay.Core.Audit;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Usage;
using Forebay.UnitTests.Storage.Conformance;
using Microsoft.Data.Sqlite;

namespace Forebay.UnitTests.Storage.Sqlite;

/// <summary>A store that a conformance suite opens, closes and opens again.</summary>
internal sealed class ReopenableStore : IAsyncDisposable
{
    private readonly TempFolder _folder = new();

    public OpenStore Current { get; private set; } = null!;

    public async Task ReopenAsync()
    {
        if (Current is not null)
        {
            await Current.DisposeAsync();
        }

        Current = await OpenStore.OpenAsync(_folder.Of("data"));
    }

    public void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Current.Paths.Database};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public async ValueTask DisposeAsync()
    {
        await Current.DisposeAsync();
        _folder.Dispose();
    }
}

public sealed class SqliteAccessStoreTests : AccessStoreConformance
{
    private readonly ReopenableStore _store = new();

    private protected override IAccessStore Store => _store.Current.Store.Access;

    public override ValueTask InitializeAsync() => new(_store.ReopenAsync());

    private protected override Task ReopenAsync() => _store.ReopenAsync();

    private protected override ValueTask DisposeCoreAsync() => _store.DisposeAsync();
}

public sealed class SqliteAuditLogTests : AuditLogConformance
{
    private readonly ReopenableStore _store = new();

    private protected override IAuditLog Log => _store.Current.Store.Audit;

    public override ValueTask InitializeAsync() => new(_store.ReopenAsync());

    private protected override Task ReopenAsync() => _store.ReopenAsync();

    private protected override ValueTask DisposeCoreAsync() => _store.DisposeAsync();

    private protected override Task AlterAsync(long sequence, string detailJson)
    {
        _store.Execute("DROP TRIGGER audit_log_no_update;"
            + $"UPDATE audit_log SET detail = '{detailJson}' WHERE sequence = {sequence}");
        return Task.CompletedTask;
    }

    private protected override Task RemoveAsync(long sequence)
    {
        _store.Execute("DROP TRIGGER audit_log_no_delete;"
            + $"DELETE FROM audit_log WHERE sequence = {sequence}");
        return Task.CompletedTask;
    }
}

public sealed class SqliteUsageTests : UsageConformance
{
    private readonly ReopenableStore _store = new();

    private protected override IUsageJournal Journal => _store.Current.Store.Journal;

    private protected override IUsageLedger Ledger => _store.Current.Store.Ledger;

    public override ValueTask InitializeAsync() => new(_store.ReopenAsync());

    private protected override Task ReopenAsync() => _store.ReopenAsync();

    private protected override ValueTask DisposeCoreAsync() => _store.DisposeAsync();
}

public sealed class SqliteLimitProposalsTests : LimitProposalsConformance
{
    private readonly ReopenableStore _store = new();

    private protected override ILimitProposals Store => _store.Current.Store.LimitProposals;

    private protected override ILimitHistory History => _store.Current.Store.LimitHistory;

    public override ValueTask InitializeAsync() => new(_store.ReopenAsync());

    private protected override Task ReopenAsync() => _store.ReopenAsync();

    private protected override ValueTask DisposeCoreAsync() => _store.DisposeAsync();
}

public sealed class SqliteReplicaStoreTests : ReplicaStoreConformance
{
    private readonly ReopenableStore _store = new();

    private protected override IReplicaStore Replicas => _store.Current.Store.Replicas;

    private protected override ITransferStore Transfers => _store.Current.Store.Transfers;

    public override ValueTask InitializeAsync() => new(_store.ReopenAsync());

    private protected override Task ReopenAsync() => _store.ReopenAsync();

    private protected override ValueTask DisposeCoreAsync() => _store.DisposeAsync();
}

public sealed class SqliteCapacityTests : CapacityConformance
{
    private readonly ReopenableStore _store = new();

    private protected override ICapacityLedgerStore Ledger => _store.Current.Store.Capacity;

    private protected override IPartnerStore Partners => _store.Current.Store.Partners;

    public override ValueTask InitializeAsync() => new(_store.ReopenAsync());

    private protected override Task ReopenAsync() => _store.ReopenAsync();

    private protected override ValueTask DisposeCoreAsync() => _store.DisposeAsync();
}

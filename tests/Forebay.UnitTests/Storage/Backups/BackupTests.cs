using Forebay.Core.Access;
using Forebay.Core.Usage;
using Forebay.Storage;
using Forebay.Storage.Backups;
using Forebay.Storage.Data;
using Forebay.TestKit.Time;
using Xunit;

namespace Forebay.UnitTests.Storage.Backups;

public sealed class BackupTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();

    private string Data => _folder.Of("data");

    private string Archive => _folder.Of("backup.tar.gz");

    private string Restored => _folder.Of("restored");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_restored_store_holds_what_was_backed_up()
    {
        await using (OpenStore open = await OpenStore.OpenAsync(Data))
        {
            await FillAsync(open.Store);
            BackupResult result = await Backup.CreateAsync(open.Store, Archive, _time, default);
            Assert.Equal(2, result.Files);
        }

        await Backup.RestoreAsync(Archive, Restored, force: false, _time, default);

        await using OpenStore copy = await OpenStore.OpenAsync(Restored);
        Assert.Empty(copy.Store.Recovery.Damage);
        Assert.Equal(10, await CountAsync(copy.Store));
        Assert.Single(await copy.Store.Access.ListKeysAsync(default));
        Assert.Null(await copy.Store.Audit.VerifyAsync(default));
        Assert.Equal(Modes.OwnerFile, Modes.Of(Archive));
    }

    [Fact]
    public async Task A_backup_among_writers_is_consistent()
    {
        await using OpenStore open = await OpenStore.OpenAsync(
            Data, TimeProvider.System, new LocalStoreOptions { SegmentBytes = 20_000 });
        using var stop = new CancellationTokenSource();
        ulong next = 0;
        ulong settled = 0;
        Task[] writers = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 20_000 && !stop.IsCancellationRequested; i++)
            {
                ulong id = Interlocked.Increment(ref next);
                open.Store.Journal.Accept(Records.Accept(id));
                open.Store.Journal.Settle(Records.Settle(id));
                Interlocked.Increment(ref settled);
            }
        }))];
        var backups = new List<(string File, ulong Least)>();
        for (int i = 0; i < 4; i++)
        {
            await open.Store.Ledger.QueryAsync(Records.Everything(), default);
            ulong least = Volatile.Read(ref settled);
            string file = _folder.Of($"{i}.tar.gz");
            await Backup.CreateAsync(open.Store, file, _time, default);
            backups.Add((file, least));
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);

        foreach ((string file, ulong least) in backups)
        {
            string target = file + ".restored";
            await Backup.RestoreAsync(file, target, force: false, _time, default);
            await using OpenStore copy = await OpenStore.OpenAsync(target);
            var ids = new HashSet<UInt128>();
            TokenUsage tokens = default;
            await foreach (UsageRecord r in copy.Store.ReadRequestsAsync(
                DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue))
            {
                Assert.True(ids.Add(r.RequestId));
                tokens += r.Tokens;
            }

            IReadOnlyList<UsageRow> rows = await copy.Store.Ledger.QueryAsync(Records.Everything(), default);
            Assert.Empty(copy.Store.Recovery.Damage);
            Assert.True((ulong)ids.Count >= least);
            Assert.Equal((ids.Count, tokens), (rows.Sum(r => r.Requests), rows.Select(r => r.Tokens)
                .Aggregate(default(TokenUsage), TokenUsage.Add)));
        }
    }

    [Fact]
    public async Task A_directory_that_holds_something_needs_force_and_is_moved_aside()
    {
        await BackUpAsync();

        StorageException e = await Assert.ThrowsAsync<StorageException>(
            () => Backup.RestoreAsync(Archive, Data, force: false, _time, default));
        Assert.Contains("--force", e.Message, StringComparison.Ordinal);

        await Backup.RestoreAsync(Archive, Data, force: true, _time, default);
        string aside = Assert.Single(Directory.GetDirectories(Data, "before-restore-*"));
        Assert.True(File.Exists(Path.Combine(aside, "forebay.db")));
        await using OpenStore copy = await OpenStore.OpenAsync(Data);
        Assert.Equal(10, await CountAsync(copy.Store));
    }

    [Fact]
    public async Task A_directory_in_use_is_left_alone()
    {
        await BackUpAsync();
        using DataDirectory running = DataDirectory.Open(Data);

        StorageException e = await Assert.ThrowsAsync<StorageException>(
            () => Backup.RestoreAsync(Archive, Data, force: true, _time, default));

        Assert.Contains("in use by process", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.05)]
    [InlineData(0.5)]
    [InlineData(0.95)]
    public async Task A_damaged_backup_changes_nothing(double where)
    {
        await BackUpAsync();
        byte[] bytes = await File.ReadAllBytesAsync(Archive);
        int at = (int)(bytes.Length * where);
        bytes.AsSpan(at, 16).Fill(0x5a);
        await File.WriteAllBytesAsync(Archive, bytes);

        await Assert.ThrowsAsync<StorageException>(
            () => Backup.RestoreAsync(Archive, Restored, force: false, _time, default));

        Assert.False(File.Exists(Path.Combine(Restored, "forebay.db")));
        Assert.False(Directory.Exists(Path.Combine(Restored, "restoring")));
    }

    [Fact]
    public async Task A_cut_backup_is_refused()
    {
        await BackUpAsync();
        using (FileStream file = File.OpenWrite(Archive))
        {
            file.SetLength(file.Length / 2);
        }

        StorageException e = await Assert.ThrowsAsync<StorageException>(
            () => Backup.RestoreAsync(Archive, Restored, force: false, _time, default));

        Assert.Contains("not a whole backup", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_existing_file_is_not_overwritten()
    {
        await BackUpAsync();
        await using OpenStore open = await OpenStore.OpenAsync(Data);

        await Assert.ThrowsAsync<StorageException>(() => Backup.CreateAsync(open.Store, Archive, _time, default));
    }

    private async Task BackUpAsync()
    {
        await using OpenStore open = await OpenStore.OpenAsync(Data);
        await FillAsync(open.Store);
        await Backup.CreateAsync(open.Store, Archive, _time, default);
    }

    private static async Task FillAsync(LocalStore store)
    {
        for (ulong i = 1; i <= 10; i++)
        {
            store.Journal.Accept(Records.Accept(i));
            if (i > 1)
            {
                store.Journal.Settle(Records.Settle(i));
            }
        }

        Assert.True(SecretHash.TryCompute("secret", out SecretHash hash));
        await store.Access.SaveKeyAsync(new ApiKey("key_1", "t", "n", hash, "sec", 1, null, null, null), default);
        await store.Audit.AppendAsync(1, "startup", "key.create", "key_1", "{}", default);
    }

    private static async Task<long> CountAsync(LocalStore store) =>
        (await store.Ledger.QueryAsync(Records.Everything(), default)).Sum(r => r.Requests);
}

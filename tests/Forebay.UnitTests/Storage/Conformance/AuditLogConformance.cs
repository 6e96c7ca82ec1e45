using Forebay.Core.Audit;
using Xunit;

namespace Forebay.UnitTests.Storage.Conformance;

/// <summary>What every audit log does.</summary>
public abstract class AuditLogConformance : IAsyncLifetime
{
    private protected abstract IAuditLog Log { get; }

    public abstract ValueTask InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await DisposeCoreAsync();
    }

    private protected abstract Task ReopenAsync();

    private protected abstract ValueTask DisposeCoreAsync();

    /// <summary>Changes the detail of an entry behind the log's back.</summary>
    private protected abstract Task AlterAsync(long sequence, string detailJson);

    /// <summary>Removes an entry behind the log's back.</summary>
    private protected abstract Task RemoveAsync(long sequence);

    [Fact]
    public async Task Entries_are_numbered_from_one_and_chained_across_processes()
    {
        AuditEntry first = await AppendAsync(1);
        await ReopenAsync();
        AuditEntry second = await AppendAsync(2);

        Assert.Equal((1, AuditChain.Genesis), (first.Sequence, first.PreviousHash));
        Assert.Equal((2, first.Hash), (second.Sequence, second.PreviousHash));
        Assert.Equal([first, second], await Log.ReadAsync(0, 10, default));
        Assert.Equal([second], await Log.ReadAsync(1, 10, default));
        Assert.Equal([first], await Log.ReadAsync(0, 1, default));
        Assert.Null(await Log.VerifyAsync(default));
    }

    [Fact]
    public async Task Concurrent_appends_make_one_chain()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < 10; i++)
            {
                await AppendAsync(worker);
            }
        })));

        Assert.Equal(40, (await Log.ReadAsync(0, 100, default)).Count);
        Assert.Null(await Log.VerifyAsync(default));
    }

    [Fact]
    public async Task An_altered_entry_shows()
    {
        await AppendAsync(1, 2, 3);

        await AlterAsync(2, "{\"forged\":true}");

        Assert.Equal(2, await Log.VerifyAsync(default));
    }

    [Fact]
    public async Task A_removed_entry_shows()
    {
        await AppendAsync(1, 2, 3);

        await RemoveAsync(2);

        Assert.Equal(2, await Log.VerifyAsync(default));
    }

    [Fact]
    public async Task A_removed_end_shows_also_after_more_is_appended()
    {
        await AppendAsync(1, 2, 3);

        await RemoveAsync(3);
        Assert.Equal(3, await Log.VerifyAsync(default));
        await AppendAsync(4, 5);

        Assert.Equal(3, await Log.VerifyAsync(default));
    }

    private async Task AppendAsync(params int[] numbers)
    {
        foreach (int number in numbers)
        {
            await AppendAsync(number);
        }
    }

    private Task<AuditEntry> AppendAsync(int number) =>
        Log.AppendAsync(1000 + number, "tok_1 ops", "key.create", $"key_{number}", "{\"a\":1}", default);
}

using Forebay.Core.Usage;
using Xunit;

namespace Forebay.UnitTests.Storage.Conformance;

/// <summary>What every pair of usage journal and ledger does.</summary>
public abstract class UsageConformance : IAsyncLifetime
{
    private protected abstract IUsageJournal Journal { get; }

    private protected abstract IUsageLedger Ledger { get; }

    public abstract ValueTask InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await DisposeCoreAsync();
    }

    private protected abstract Task ReopenAsync();

    private protected abstract ValueTask DisposeCoreAsync();

    [Fact]
    public async Task What_is_settled_shows_in_the_next_answer()
    {
        Add(Records.Settle(1));

        UsageRow row = Assert.Single(await Ledger.QueryAsync(Records.Everything(), default));

        Assert.Equal((1, 0, Records.TokensOf(1), 3, 5, 12.5, 100.0), (row.Requests, row.FailedRequests, row.Tokens,
            row.ProviderCostMicros, row.CustomerPriceMicros, row.MeanTimeToFirstTokenMs, row.MeanTotalMs));
    }

    [Fact]
    public async Task Nothing_recorded_gives_no_rows()
    {
        Assert.Empty(await Ledger.QueryAsync(Records.Everything(), default));
        Assert.Empty(await Ledger.QueryAsync(Records.Everything(UsageDimension.Tenant), default));
    }

    [Fact]
    public async Task Groups_come_in_the_order_asked()
    {
        Add(Records.Settle(0, Records.Noon));
        Add(Records.Settle(1, Records.Noon + 3_600_000));
        Add(Records.Settle(3, Records.Noon + 3_600_000));

        IReadOnlyList<UsageRow> rows = await Ledger.QueryAsync(
            Records.Everything(UsageDimension.Tenant, UsageDimension.Hour), default);

        Assert.Equal(
            [("tenant-0", "2026-03-01T12:00:00Z"), ("tenant-0", "2026-03-01T13:00:00Z"),
                ("tenant-1", "2026-03-01T13:00:00Z")],
            rows.Select(r => (r.Group[0], r.Group[1])));
    }

    [Theory]
    [InlineData(UsageDimension.Hour, "2026-03-01T12:00:00Z")]
    [InlineData(UsageDimension.Day, "2026-03-01")]
    [InlineData(UsageDimension.Tenant, "tenant-1")]
    [InlineData(UsageDimension.Key, "key_1")]
    [InlineData(UsageDimension.Model, "model-a")]
    [InlineData(UsageDimension.Deployment, "deployment-1")]
    [InlineData(UsageDimension.Provider, "provider-1")]
    [InlineData(UsageDimension.Backing, "real")]
    [InlineData(UsageDimension.Outcome, "completed")]
    [InlineData(UsageDimension.Pool, "pool")]
    public async Task Every_dimension_groups(UsageDimension dimension, string expected)
    {
        Add(Records.Settle(1));

        UsageRow row = Assert.Single(await Ledger.QueryAsync(Records.Everything(dimension), default));

        Assert.Equal([expected], row.Group);
    }

    [Fact]
    public async Task Filters_and_times_choose_what_counts()
    {
        for (ulong i = 0; i < 12; i++)
        {
            Add(Records.Settle(i, Records.Noon + (long)i * 60_000));
        }

        UsageQuery query = Records.Everything() with
        {
            From = DateTimeOffset.FromUnixTimeMilliseconds(Records.Noon + 60_000),
            To = DateTimeOffset.FromUnixTimeMilliseconds(Records.Noon + 10 * 60_000),
            Tenant = "tenant-1", Provider = "provider-1", Model = "model-a",
        };

        UsageRow row = Assert.Single(await Ledger.QueryAsync(query, default));

        // 1 to 9, of which 1, 4, 7 are the tenant's, of which 1 and 7 are the provider's.
        Assert.Equal((2, Records.TokensOf(1) + Records.TokensOf(7)), (row.Requests, row.Tokens));
        Assert.Empty(await Ledger.QueryAsync(query with { Model = "model-b" }, default));
    }

    [Fact]
    public async Task Failures_are_counted_and_a_missing_first_token_is_no_zero()
    {
        Add(Records.Settle(1) with { Outcome = UsageOutcome.Failed, TimeToFirstTokenMs = -1 });

        UsageRow row = Assert.Single(await Ledger.QueryAsync(Records.Everything(), default));

        Assert.Equal((1, 1, -1.0), (row.Requests, row.FailedRequests, row.MeanTimeToFirstTokenMs));
    }

    [Fact]
    public async Task A_second_settlement_of_a_request_is_not_counted()
    {
        Add(Records.Settle(1));
        Journal.Settle(Records.Settle(1));
        await Ledger.QueryAsync(Records.Everything(), default);
        Journal.Settle(Records.Settle(1));
        await ReopenAsync();

        Assert.Equal(1, Assert.Single(await Ledger.QueryAsync(Records.Everything(), default)).Requests);
    }

    [Fact]
    public void A_request_is_accepted_once()
    {
        Journal.Accept(Records.Accept(1));

        Assert.Throws<ArgumentException>(() => Journal.Accept(Records.Accept(1)));
    }

    [Fact]
    public async Task What_is_open_when_the_process_ends_is_interrupted_at_no_charge()
    {
        Journal.Accept(Records.Accept(1));
        Add(Records.Settle(2));

        await ReopenAsync();
        await ReopenAsync();

        IReadOnlyList<UsageRow> rows = await Ledger.QueryAsync(Records.Everything(UsageDimension.Outcome), default);
        Assert.Equal(["completed", "interrupted"], rows.Select(r => r.Group[0]));
        Assert.Equal((1, 1, default, 0, 0, -1.0), (rows[1].Requests, rows[1].FailedRequests, rows[1].Tokens,
            rows[1].ProviderCostMicros, rows[1].CustomerPriceMicros, rows[1].MeanTotalMs));
    }

    [Fact]
    public async Task Absurd_figures_never_stop_the_ledger()
    {
        for (ulong i = 0; i < 20; i++)
        {
            Add(Records.Settle(i) with
            {
                Tokens = new TokenUsage(long.MaxValue, long.MinValue, long.MaxValue, long.MaxValue),
                CustomerPriceMicros = long.MaxValue, ProviderCostMicros = long.MinValue,
                TotalMs = double.PositiveInfinity, TimeToFirstTokenMs = double.NaN,
            });
        }

        UsageRow row = Assert.Single(await Ledger.QueryAsync(Records.Everything(), default));

        Assert.Equal(20, row.Requests);
        Assert.Equal(20L << 40, row.Tokens.Output);
    }

    [Fact]
    public async Task Many_threads_are_counted_exactly()
    {
        const int perThread = 2_000;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(async () =>
        {
            for (int i = 0; i < perThread; i++)
            {
                Add(Records.Settle((ulong)(thread * perThread + i)));
                if (i % 500 == 0)
                {
                    await Ledger.QueryAsync(Records.Everything(), default);
                }
            }
        })));

        UsageRow row = Assert.Single(await Ledger.QueryAsync(Records.Everything(), default));

        TokenUsage expected = Enumerable.Range(0, 4 * perThread)
            .Aggregate(default(TokenUsage), (sum, i) => sum + Records.TokensOf((ulong)i));
        Assert.Equal((4 * perThread, expected), (row.Requests, row.Tokens));
    }

    private void Add(UsageRecord record)
    {
        Journal.Accept(Records.Accept((ulong)record.RequestId, record.AcceptedUnixMs));
        Journal.Settle(record);
    }
}

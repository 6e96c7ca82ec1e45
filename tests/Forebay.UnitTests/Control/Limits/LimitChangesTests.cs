using Forebay.Control.Limits;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Forebay.TestKit.Fleets;
using Forebay.UnitTests.Storage;
using Xunit;

namespace Forebay.UnitTests.Control.Limits;

public sealed class LimitChangesTests
{
    private static readonly DateTimeOffset Start = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Only_what_differs_is_recorded_and_a_restart_is_no_change()
    {
        using var folder = new TempFolder();
        var tier = new TierConfig
        {
            Id = "standard",
            RequestsPerMinute = 10,
            WeeklyWindow = new WindowConfig { Limit = 5_000_000, Unit = WindowUnit.Tokens },
            Classes = [new ClassLimitsConfig { Class = "large", MonthlySpendUsd = 12.5m }],
        };
        await using (OpenStore store = await OpenStore.OpenAsync(folder.Of("data")))
        {
            Assert.Equal(8, await RecordAsync(store, tier, "startup", 0));
            Assert.Equal(0, await RecordAsync(store, tier, "startup", 1));
        }

        await using OpenStore again = await OpenStore.OpenAsync(folder.Of("data"));
        Assert.Equal(0, await RecordAsync(again, tier, "startup", 2));
        TierConfig changed = tier with
        {
            RequestsPerMinute = 20, WeekStartsOn = DayOfWeek.Friday, Classes = [], InputTokensPerMinute = 7,
        };
        Assert.Equal(8, await RecordAsync(again, changed, "file", 3));

        IReadOnlyList<LimitChange> history = await again.Store.LimitHistory.ReadAsync("acme", 100, default);
        Assert.Equal(
            [
                ("monthly_spend_usd", "large", "12.5", null),
                ("weekly_window", null, "5000000 tokens from monday 00:00 UTC", "5000000 tokens from friday 00:00 UTC"),
                ("input_tokens_per_minute", null, null, "7"),
                ("requests_per_minute", null, "10", "20"),
            ],
            history.Take(4).Select(c => (c.Name, c.ModelClass, c.Before, c.After)));
        Assert.All(history.Take(4), c => Assert.Equal((Start.AddHours(3), "file"), (c.At, c.ChangedBy)));
        Assert.Equal(8, history.Count);
        Assert.Single(await again.Store.LimitHistory.ReadAsync("acme", 1, default));
        Assert.Empty(await again.Store.LimitHistory.ReadAsync("nobody", 9, default));
    }

    [Fact]
    public void Terms_survive_being_written_and_read()
    {
        var terms = LimitTerms.Of(new TierConfig
        {
            Id = "t",
            Acceleration = new AccelerationConfig { FloorTokensPerMinute = 9, Factor = 2.5 },
            FiveHourWindow = new WindowConfig { Limit = 1.25m, Unit = WindowUnit.Usd },
            MaxBatchRequests = 3,
        });

        Assert.Equal(terms.Terms, LimitTerms.Parse(terms.ToText()).Terms);
        Assert.Empty(LimitTerms.Changes(terms, LimitTerms.Parse(terms.ToText())));
    }

    private static Task<int> RecordAsync(OpenStore store, TierConfig tier, string by, int hour) =>
        LimitChanges.RecordAsync(
            FleetModel.Build(SmallFleet.Config with { Tiers = [tier] }, new Dictionary<string, Uri>()),
            TierMultipliers.Promise,
            store.Store.LimitHistory,
            by,
            "fleet.yaml 0123456789ab",
            Start.AddHours(hour),
            CancellationToken.None);
}

using Forebay.Core.Audit.Residency;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Usage;
using Forebay.Storage;
using Forebay.Storage.Data;
using Forebay.Storage.Journal;
using Forebay.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Storage.Usage;

/// <summary>Where requests were sent, from the journal to the ledger and through what can happen on the way.</summary>
public sealed class PlaceTests : IDisposable
{
    /// <summary>A segment that the program before wrote: requests 1 and 2 accepted, 1 settled at site s0.</summary>
    private const string Version1 = ""
        + "RkJVU0FHRQoBAAAAAAAAAAAAAAAAAAAAAQAAAEi/1W8wAAAAw/97/gEBAAAAAAAAAAAAAAAAAAAAgKiolJVnBABhY21lBQ"
        + "BrZXlfMQcAbW9kZWwtYRTIATAAAAAn9mMvAQIAAAAAAAAAAAAAAAAAAACAqKiUlWcEAGFjbWUFAGtleV8xBwBtb2RlbC1hFMgBXgAAAPe78VUCAQAA"
        + "AAAAAAAAAAAAAAAAAICoqJSVZwQAYWNtZQUAa2V5XzEHAG1vZGVsLWECAGQwAgBwMAIAczAFAG5vcnRoAQEBAACQAxQCBA4GCgAAAAAAAClAAAAAAA"
        + "AAWUAC";

    private static readonly ResidencyQuery All = new(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));

    private static readonly PermissionContext Rules = PermissionContext.Of(
        new ModelConfig { Id = "model-a", ContextTokens = 1, MaxOutputTokens = 1, ParametersBillion = Figure.Of(1) },
        new PermissionRules(null),
        ExportDenials.None);

    private static readonly ServedPlace Eu = new(Rules, "oslo", "eu", "NO", SiteKind.Datacenter);
    private static readonly ServedPlace Us = new(Rules, "dallas", "us", "US", SiteKind.Region);

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_settlement_reads_back_with_its_places()
    {
        UsageRecord record = Records.Settle(1) with { PlaceKnown = true, Place = Eu, EarlierPlaces = [Us, Us] };

        Assert.True(JournalCodec.TryRead(JournalCodec.Frame(record), new TextPool(), out JournalRecord read));

        Assert.True(read.Settle!.PlaceKnown);
        Assert.Equal(Eu with { Context = Rules with { Content = "" } }, read.Settle.Place);
        Assert.Equal(2, read.Settle.EarlierPlaces.Count);
        Assert.True(JournalCodec.TryRead(JournalCodec.Frame(Rules), new TextPool(), out read));
        Assert.Equal(Rules, read.Context);
        UsageRecord unsent = Records.Settle(2) with { PlaceKnown = true };
        Assert.True(JournalCodec.TryRead(JournalCodec.Frame(unsent), new TextPool(), out read));
        Assert.True(read.Settle!.PlaceKnown);
        Assert.Null(read.Settle.Place.Context);
    }

    [Fact]
    public async Task A_segment_of_the_program_before_is_read_and_counts_as_without_evidence()
    {
        string data = _folder.Of("data");
        using (DataDirectory made = DataDirectory.Open(data))
        {
            await (await OpenAsync(made)).DisposeAsync();
        }

        string journal = Path.Combine(data, "journal");
        foreach (string file in Directory.GetFiles(journal))
        {
            File.Delete(file);
        }

        await File.WriteAllBytesAsync(Path.Combine(journal, JournalFormat.FileName(1)), Convert.FromBase64String(Version1));
        using DataDirectory directory = DataDirectory.Open(data);
        Execute(Path.Combine(data, "forebay.db"), "UPDATE fold_position SET segment = 0, offset = 0");
        await using LocalStore store = await OpenAsync(directory);

        Assert.Equal(1, store.Recovery.Interrupted);
        Assert.Empty(store.Recovery.Damage);
        ResidencyEvidence evidence = await store.Places.ReadPlacesAsync(All, default);
        ResidencyReport report = ResidencyReport.Of(evidence);
        Assert.Equal((2L, 2L), (evidence.UsageRequests, report.Unproven));
        Assert.True(report.Clean);
        Assert.Contains(evidence.Places, p => p is { Role: PlaceRole.Unknown, Site: "s0", Requests: 1 });
    }

    [Fact]
    public async Task Places_and_rules_survive_segments_reopening_and_the_database_being_behind()
    {
        string data = _folder.Of("data");
        ulong number = 0;
        for (int round = 0; round < 3; round++)
        {
            using DataDirectory directory = DataDirectory.Open(data);
            await using LocalStore store = await OpenAsync(directory, segmentBytes: 2048);
            for (int i = 0; i < 40; i++)
            {
                number++;
                store.Journal.Accept(Records.Accept(number));
                store.Journal.Settle(Records.Settle(number) with
                {
                    PlaceKnown = true, Place = i % 2 == 0 ? Eu : Us, EarlierPlaces = i % 4 == 0 ? [Us] : [],
                });
            }

            store.Journal.Accept(Records.Accept(++number));
        }

        using DataDirectory again = DataDirectory.Open(data);
        await using LocalStore last = await OpenAsync(again);
        ResidencyReport report = ResidencyReport.Of(await last.Places.ReadPlacesAsync(All, default));

        Assert.Equal((120L, 3L, 30L), (report.Proven, report.Unproven, report.EarlierAttempts));
        Assert.True(report.Clean);
        Assert.Equal(123, report.UsageRequests);
        report = ResidencyReport.Of(await last.Places.ReadPlacesAsync(All with { Tenant = "tenant-0" }, default));
        Assert.True(report.Clean);
        Assert.All(report.Totals, t => Assert.Equal("tenant-0", t.Tenant));
    }

    [Fact]
    public void Usage_from_before_places_were_kept_is_accounted_for_as_without_evidence()
    {
        string path = _folder.Of("old.db");
        using var database = new SqliteConnection($"Data Source={path};Pooling=False");
        database.Open();
        SchemaMigrations.Apply(database, [SchemaMigrations.Embedded[0]], path, NullLogger.Instance);
        SqliteStore.Execute(database, """
            INSERT INTO usage_series VALUES (1, 'acme', 'k', 'm', 'd', 'p', 's0', 'x', 'real', 'completed');
            INSERT INTO usage_series VALUES (2, 'acme', 'k', 'm', 'd', 'p', 's0', 'x', 'real', 'failed');
            INSERT INTO usage_series VALUES (3, 'acme', 'k', 'm', '', '', '', '', '', 'failed');
            INSERT INTO usage_minutes VALUES (100, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0);
            INSERT INTO usage_minutes VALUES (100, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0);
            INSERT INTO usage_minutes VALUES (101, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
            """);

        SchemaMigrations.Apply(database, SchemaMigrations.Embedded, path, NullLogger.Instance);

        ResidencyReport report = ResidencyReport.Of(PlaceSql.Read(database, All));
        Assert.Equal((8L, 8L), (report.UsageRequests, report.Unproven));
        Assert.True(report.Reconciles);
    }

    [Fact]
    public async Task Export_masks_survive_reopening()
    {
        var mask = new ExportDenials("vendor/model", 4, 1000, "admin", true, ["eu", "us"], ["DE"], [SiteKind.Orbital]);
        using (DataDirectory directory = DataDirectory.Open(_folder.Of("data")))
        {
            await using LocalStore store = await OpenAsync(directory);
            await store.Exports.SaveExportAsync(mask with { Version = 3, Everywhere = false }, default);
            await store.Exports.SaveExportAsync(mask, default);
        }

        using DataDirectory again = DataDirectory.Open(_folder.Of("data"));
        await using LocalStore reopened = await OpenAsync(again);

        ExportDenials read = Assert.Single(await reopened.Exports.ListExportsAsync(default));
        Assert.Equal(
            (mask.Model, 4L, 1000L, "admin", true), (read.Model, read.Version, read.ChangedUnixMs, read.Actor, read.Everywhere));
        Assert.Equal(mask.Jurisdictions, read.Jurisdictions);
        Assert.Equal(mask.Countries, read.Countries);
        Assert.Equal(mask.SiteKinds, read.SiteKinds);
    }

    private static Task<LocalStore> OpenAsync(DataDirectory directory, int segmentBytes = 1 << 20) => LocalStore.OpenAsync(
        directory, TimeProvider.System, NullLogger.Instance, new LocalStoreOptions { SegmentBytes = segmentBytes });

    private static void Execute(string path, string sql)
    {
        using var database = new SqliteConnection($"Data Source={path};Pooling=False");
        database.Open();
        SqliteStore.Execute(database, sql);
    }
}

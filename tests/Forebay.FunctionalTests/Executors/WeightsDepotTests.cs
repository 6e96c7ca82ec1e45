using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Serving.Links;
using Forebay.Executors.Weights;
using Forebay.FunctionalTests.Server;
using Forebay.Storage;
using Forebay.Storage.Data;
using Forebay.TestKit;
using Forebay.TestKit.Time;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.FunctionalTests.Executors;

/// <summary>Transfers over real sockets onto a real disk, their progress in a real database.</summary>
public sealed class WeightsDepotTests : IAsyncLifetime
{
    private const int Size = 1_000_000;
    private const int Part = 100_000;
    private static readonly HashSet<TransferKey> Nothing = [];
    private static readonly TransferPolicy Quick = new(FirstWaitMs: 1, MaxWaitMs: 5);

    private readonly TemporaryFolder _folder = new();
    private DataDirectory _directory = null!;
    private LocalStore _store = null!;
    private WeightsServer _server = null!;
    private WeightsDepot _depot = null!;

    public async ValueTask InitializeAsync()
    {
        _directory = DataDirectory.Open(_folder.File("data"));
        _store = await LocalStore.OpenAsync(_directory, TimeProvider.System, NullLogger.Instance);
        _server = await WeightsServer.StartAsync(Size);
        _depot = await OpenAsync(Options());
    }

    public async ValueTask DisposeAsync()
    {
        await _depot.DisposeAsync();
        await _server.DisposeAsync();
        await _store.DisposeAsync();
        _directory.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Two_that_want_the_same_share_one_transfer_and_pay_once()
    {
        TransferSpec spec = _server.Spec(Part, egressUsdPerGb: 0.09m);
        Want(spec, spec);
        Want(spec);

        TransferView done = await OverAsync(spec);

        Assert.Equal(TransferPhase.Done, done.Progress.Phase);
        Assert.Equal(_server.Content, await File.ReadAllBytesAsync(done.Path!));
        Assert.Equal((Size, 0, 0), (done.Progress.SentBytes, done.Progress.Cuts, done.Progress.BadParts));
        Assert.Equal(0.00009m, spec.Route.CostUsd(done.Progress.SentBytes));
        Assert.Single(_server.Asked);
    }

    [Theory]
    [InlineData(70_000)]
    [InlineData(250_000)]
    public async Task A_transfer_that_is_cut_again_and_again_goes_on_from_where_it_was(int cutAfter)
    {
        // 70,000 bytes are less than a part: what came of the part under way must count too.
        _server.CutAfterBytes = cutAfter;
        TransferSpec spec = _server.Spec(Part);
        Want(spec);

        TransferView done = await OverAsync(spec);

        Assert.Equal(TransferPhase.Done, done.Progress.Phase);
        Assert.Equal(_server.Content, await File.ReadAllBytesAsync(done.Path!));
        Assert.InRange(done.Progress.Cuts, Size / cutAfter - 1, int.MaxValue);
        Assert.InRange(done.Progress.SentBytes, Size, Size + 1);
    }

    [Fact]
    public async Task A_wrong_part_is_fetched_again_alone()
    {
        _server.SpoiltOffset = 250_000;
        _server.SpoiltTimes = 2;
        TransferSpec spec = _server.Spec(Part);
        Want(spec);

        TransferView done = await OverAsync(spec);

        Assert.Equal((TransferPhase.Done, 2), (done.Progress.Phase, done.Progress.BadParts));
        Assert.Equal(_server.Content, await File.ReadAllBytesAsync(done.Path!));
        Assert.Equal([0, 200_000, 200_000], _server.Asked);
    }

    [Fact]
    public async Task A_part_that_stays_wrong_fails_it_with_the_reason_and_it_is_tried_again_only_when_told()
    {
        _server.SpoiltOffset = 250_000;
        _server.SpoiltTimes = 3;
        TransferSpec spec = _server.Spec(Part);
        Want(spec);

        TransferView failed = await OverAsync(spec);
        Assert.Equal(TransferPhase.Failed, failed.Progress.Phase);
        Assert.Contains("part 2", failed.Progress.Reason, StringComparison.Ordinal);
        Assert.Null(failed.Path);

        Want(spec);
        Assert.Equal(TransferPhase.Failed, _depot.Find(spec.Key)!.Progress.Phase);
        _depot.Want([spec], new HashSet<TransferKey> { spec.Key });
        Assert.Equal(TransferPhase.Done, (await OverAsync(spec)).Progress.Phase);
        Assert.Equal(200_000, _server.Asked.Last());
    }

    [Fact]
    public async Task Without_checksums_of_parts_the_whole_is_verified()
    {
        _server.SpoiltOffset = 250_000;
        _server.SpoiltTimes = 1;
        TransferSpec spec = _server.Spec(Part, partHashes: false);
        Want(spec);
        TransferView done = await OverAsync(spec);
        Assert.Equal((TransferPhase.Done, 1), (done.Progress.Phase, done.Progress.BadWholes));

        _server.SpoiltTimes = 10;
        TransferSpec other = _server.Spec(Part, site: "dallas", partHashes: false);
        Want(spec, other);
        TransferView failed = await OverAsync(other);
        Assert.Equal(TransferPhase.Failed, failed.Progress.Phase);
        Assert.Contains(other.File.Sha256, failed.Progress.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_without_ranges_is_read_from_its_start_and_what_is_there_is_passed_over()
    {
        _server.CutAfterBytes = 450_000;
        TransferSpec spec = _server.Spec(Part);
        Want(spec);
        await Eventually.TrueAsync(() => !_server.Asked.IsEmpty, () => "nothing was asked");
        _server.IgnoresRanges = true;
        _server.CutAfterBytes = int.MaxValue;

        TransferView done = await OverAsync(spec);

        Assert.Equal(TransferPhase.Done, done.Progress.Phase);
        Assert.Equal(_server.Content, await File.ReadAllBytesAsync(done.Path!));
        Assert.True(done.Progress.SentBytes >= Size, "What was sent twice is paid twice.");
    }

    [Theory]
    [InlineData(404, "answered 404")]
    [InlineData(403, "permissions")]
    public async Task What_asking_again_cannot_help_fails_at_once(int status, string words)
    {
        _server.Status = status;
        TransferSpec spec = _server.Spec(Part);
        Want(spec);

        TransferView failed = await OverAsync(spec);

        Assert.Equal(TransferPhase.Failed, failed.Progress.Phase);
        Assert.Contains(words, failed.Progress.Reason, StringComparison.Ordinal);
        Assert.Single(_server.Asked);
    }

    [Fact]
    public async Task A_source_of_another_size_and_one_that_is_not_there_fail_with_the_reason()
    {
        TransferSpec spec = _server.Spec(Part);
        TransferSpec small = spec with
        {
            File = spec.File with { SizeBytes = Size - Part, PartSha256 = spec.File.PartSha256[..9] },
        };
        Want(small);
        Assert.Contains("the manifest says", (await OverAsync(small)).Progress.Reason, StringComparison.Ordinal);

        string path = _folder.File("absent");
        TransferSpec local = spec with
        {
            File = spec.File with { Source = new Uri(path) }, Route = spec.Route with { Site = "dallas" },
        };
        Want(local);
        Assert.Contains(path, (await OverAsync(local)).Progress.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_of_this_machine_is_a_source_too()
    {
        string path = _folder.File("w");
        await File.WriteAllBytesAsync(path, _server.Content);
        TransferSpec spec = _server.Spec(Part) with { File = _server.File(Part) with { Source = new Uri(path) } };
        Want(spec);

        Assert.Equal(TransferPhase.Done, (await OverAsync(spec)).Progress.Phase);
        Assert.Empty(_server.Asked);
        string folder = _depot.LayOut("r1", "oslo", [("sub/model.bin", spec.File.Sha256)]);
        Assert.Equal(_server.Content, await File.ReadAllBytesAsync(Path.Combine(folder, "sub/model.bin")));
    }

    [Fact]
    public async Task After_a_kill_it_goes_on_from_what_is_on_disk()
    {
        var gate = new TaskCompletionSource();
        (_server.GateAfterBytes, _server.Gate) = (350_000, gate.Task);
        TransferSpec spec = _server.Spec(Part);
        Want(spec);
        await SentAsync(spec, 350_000);

        // The first depot hangs in the middle and is left there, as a killed process leaves it.
        WeightsDepot killed = _depot;
        string copy = _folder.File("copy");
        CopyFolder(_folder.File("weights"), copy);
        _server.Gate = Task.CompletedTask;
        _depot = await OpenAsync(Options() with { Folder = copy });
        Assert.Equal(TransferPhase.Fetching, _depot.Find(spec.Key)!.Progress.Phase);
        Want(spec);
        TransferView done = await OverAsync(spec);

        Assert.Equal(_server.Content, await File.ReadAllBytesAsync(done.Path!));
        Assert.Equal([0, 350_000], _server.Asked);
        gate.SetResult();
        await killed.DisposeAsync();
    }

    [Fact]
    public async Task What_is_there_is_known_after_a_restart_and_what_nothing_is_known_of_is_removed()
    {
        TransferSpec spec = _server.Spec(Part);
        Want(spec);
        TransferView done = await OverAsync(spec);
        string stranger = Path.Combine(Path.GetDirectoryName(done.Path)!, new string('e', 64) + ".part");
        await File.WriteAllTextAsync(stranger, "x");
        await _depot.DisposeAsync();

        _depot = await OpenAsync(Options());
        Assert.Equal(done.Path, _depot.Find(spec.Key)!.Path);
        Assert.False(File.Exists(stranger));

        // A file that was taken away behind its back is fetched again.
        File.Delete(done.Path!);
        await _depot.DisposeAsync();
        _depot = await OpenAsync(Options());
        Want(spec);
        Assert.Equal(_server.Content, await File.ReadAllBytesAsync((await OverAsync(spec)).Path!));
    }

    [Fact]
    public async Task The_cache_is_bounded_and_evicts_what_nobody_has_used_for_longest()
    {
        await using WeightsServer second = await WeightsServer.StartAsync(Size, seed: 2);
        await using WeightsServer third = await WeightsServer.StartAsync(Size, seed: 3);
        await _depot.DisposeAsync();
        _depot = await OpenAsync(Options() with { CapacityBytes = 2 * Size + 10 });
        TransferSpec a = _server.Spec(Part), b = second.Spec(Part), c = third.Spec(Part);
        Want(a, b);
        string first = (await OverAsync(a)).Path!;
        await OverAsync(b);

        // a and b are wanted: c does not fit, and says so.
        Want(a, b, c);
        Assert.Contains("in use", (await OverAsync(c)).Progress.Reason, StringComparison.Ordinal);

        _depot.Want([b, c], new HashSet<TransferKey> { c.Key });
        Assert.Equal(TransferPhase.Done, (await OverAsync(c)).Progress.Phase);
        Assert.False(File.Exists(first));
        Assert.Null(_depot.Find(a.Key));
        Assert.NotNull(_depot.Find(b.Key)!.Path);
    }

    [Fact]
    public async Task What_nobody_wants_any_more_stops_and_keeps_what_it_has()
    {
        var gate = new TaskCompletionSource();
        (_server.GateAfterBytes, _server.Gate) = (450_000, gate.Task);
        TransferSpec spec = _server.Spec(Part);
        Want(spec);
        await SentAsync(spec, 450_000);

        Want();
        await Eventually.TrueAsync(() => _depot.Find(spec.Key)!.BytesPerSecond == 0, () => "it goes on");
        gate.SetResult();
        Want(spec);

        await OverAsync(spec);
        Assert.Equal([0, 450_000], _server.Asked);
    }

    private Task SentAsync(TransferSpec spec, long bytes) => Eventually.TrueAsync(
        () => _depot.Find(spec.Key)!.Progress.SentBytes == bytes, () => $"{_depot.Find(spec.Key)!.Progress}");

    [Fact]
    public async Task It_shares_the_link_at_its_rate_waits_out_an_outage_and_says_when_it_will_be_done()
    {
        // Half of 8 Mbit/s is 500,000 bytes a second; down from second 1 to 3.
        var time = new ManualTime(DateTimeOffset.UnixEpoch.AddSeconds(1000));
        LinkSchedule link = LinkSchedule.Compile(new LinkConfig
        {
            Starts = DateTimeOffset.UnixEpoch.AddSeconds(1000).ToString("yyyy-MM-ddTHH:mm:ssZ"),
            Steps =
            [
                new() { AtSeconds = 0, BandwidthMbps = 8 },
                new() { AtSeconds = 1, BandwidthMbps = 8, Available = false },
                new() { AtSeconds = 3, BandwidthMbps = 8 },
            ],
        });
        await _depot.DisposeAsync();
        _depot = await OpenAsync(Options() with { LinkOf = _ => link }, time);
        TransferSpec spec = _server.Spec(Part);
        long began = time.GetUtcNow().ToUnixTimeMilliseconds();
        Want(spec);
        long? forecast = _depot.Find(spec.Key)!.DoneUnixMs;

        await time.AdvanceUntilAsync(
            TimeSpan.FromMilliseconds(5), () => _depot.Find(spec.Key)!.Progress.IsOver);
        long took = time.GetUtcNow().ToUnixTimeMilliseconds() - began;

        Assert.Equal(4_000, forecast!.Value - began, 20.0);
        Assert.Equal(TransferPhase.Done, _depot.Find(spec.Key)!.Progress.Phase);
        // The clock moves on while sockets and disk work, so it may only take longer; a rate not held would take none.
        Assert.True(took >= 3_700, $"took {took} ms");
    }

    private void Want(params TransferSpec[] specs) => _depot.Want(specs, Nothing);

    private async Task<TransferView> OverAsync(TransferSpec spec)
    {
        await Eventually.TrueAsync(
            () => _depot.Find(spec.Key) is { Progress.IsOver: true }, () => $"{_depot.Find(spec.Key)?.Progress}");
        return _depot.Find(spec.Key)!;
    }

    private WeightsOptions Options() => new() { Folder = _folder.File("weights"), Policy = Quick };

    private Task<WeightsDepot> OpenAsync(WeightsOptions options, TimeProvider? time = null) => WeightsDepot.OpenAsync(
        options, _store.Transfers, time ?? TimeProvider.System, () => 0.5, NullLogger.Instance, default);

    private static void CopyFolder(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}

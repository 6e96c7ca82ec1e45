using Forebay.Control.Batches;
using Forebay.Core.Batches;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Xunit;

namespace Forebay.UnitTests.Control.Batches;

/// <summary>The desk over a real database and real contents, on a clock of the test's.</summary>
public sealed class BatchDeskTests
{
    private static IEnumerable<string> Names(int count) => Enumerable.Range(0, count).Select(i => $"i{i}");

    [Fact]
    public async Task Each_item_is_run_and_its_result_is_there_when_the_batch_has_ended()
    {
        await using DeskRig rig = await DeskRig.StartAsync();
        rig.Wire.Answer = call => Task.FromResult(
            call.Item.CustomId == "i3" ? ScriptedWire.Bad(call, Reason.NoSuchModel) : ScriptedWire.Good(call));
        Batch batch = await rig.CreateAsync(Names(10));
        rig.Desk.Start(rig.Wire);

        Batch ended = await rig.EndedAsync(batch);

        Assert.Equal((BatchPhase.Ended, BatchEnd.Completed), (ended.Phase, ended.End));
        Assert.Equal(new BatchCounts(9, 1, 0, 0), ended.Counts);
        Assert.Equal(new BatchTokens(27, 9, 18), ended.Tokens);
        Dictionary<string, string> results = await rig.ResultsAsync(batch);
        Assert.Equal(Names(10).Order(), results.Keys.Order());
        Assert.Equal("NoSuchModel", results["i3"]);
        Assert.Equal(10, rig.Wire.Calls.Count);
        Assert.Equal(29 * BatchLifecycle.WindowMs, ended.PurgeUnixMs - ended.CreatedUnixMs);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task A_process_that_dies_at_any_moment_loses_no_item_and_charges_none_twice(int seed)
    {
        var random = new Random(seed);
        await using DeskRig rig = await DeskRig.StartAsync();
        Batch batch = await rig.CreateAsync(Names(30));
        for (int life = 0; life < 6; life++)
        {
            // Some are charged and answered, some charged and the answer lost, some neither.
            int answers = random.Next(8);
            int lost = random.Next(4);
            rig.Wire.Answer = call => Scripted(rig, call, ref answers, ref lost);
            rig.Desk.Start(rig.Wire);
            int before = rig.Wire.Calls.Count;
            await rig.UntilAsync(() => rig.Wire.Calls.Count > before + random.Next(6) || answers <= 0 || Ended(rig, batch));
            await rig.DieAsync();
            await rig.OpenAsync();
        }

        rig.Wire.Answer = call => Answered(rig, call);
        rig.Desk.Start(rig.Wire);
        Batch ended = await rig.EndedAsync(batch);

        Assert.Equal(new BatchCounts(30, 0, 0, 0), ended.Counts);
        Assert.Equal(Names(30).Order(), (await rig.ResultsAsync(batch)).Keys.Order());
        Assert.Equal(30, rig.Wire.Charges.Count);
        Assert.All(rig.Wire.Charges, c => Assert.True(c.Value == 1, $"{c.Key} was charged {c.Value} times"));
    }

    [Fact]
    public async Task What_is_cancelled_is_not_run_and_what_runs_ends()
    {
        await using DeskRig rig = await DeskRig.StartAsync(Most(2));
        var hold = new TaskCompletionSource();
        rig.Wire.Answer = async call =>
        {
            await hold.Task;
            return ScriptedWire.Good(call);
        };
        Batch batch = await rig.CreateAsync(Names(10));
        rig.Desk.Start(rig.Wire);
        await rig.UntilAsync(() => rig.Desk.Running == 2);

        await Assert.ThrowsAsync<BatchRefusedException>(
            () => rig.Desk.DeleteAsync(DeskRig.Acme, BatchSurface.Messages, batch.Id, CancellationToken.None));
        Batch cancelling = await rig.Desk.CancelAsync(
            DeskRig.Acme, BatchSurface.Messages, batch.Id, CancellationToken.None);
        Assert.Equal(BatchPhase.Cancelling, cancelling.Phase);
        await rig.UntilAsync(async () => (await rig.FindAsync(batch)).Counts.Cancelled == 8);
        hold.SetResult();
        Batch ended = await rig.EndedAsync(batch);

        Assert.Equal((BatchEnd.Cancelled, new BatchCounts(2, 0, 8, 0)), (ended.End, ended.Counts));
        Assert.Equal(8, (await rig.ResultsAsync(batch)).Values.Count(v => v == "Cancelled"));
        Assert.Equal(2, rig.Wire.Calls.Count);
        await rig.Desk.DeleteAsync(DeskRig.Acme, BatchSurface.Messages, batch.Id, CancellationToken.None);
        await Assert.ThrowsAsync<BatchRefusedException>(() => rig.FindAsync(batch));
        Assert.Equal(["batch.cancel", "batch.delete"], rig.Audit.Entries.Select(e => e.Action));
    }

    [Fact]
    public async Task What_is_not_answered_in_a_day_expires_also_when_the_server_was_down_meanwhile()
    {
        await using DeskRig rig = await DeskRig.StartAsync();
        rig.Wire.Answer = call => Task.FromResult(ScriptedWire.Bad(call, Reason.Overloaded));
        Batch batch = await rig.CreateAsync(Names(3));
        Batch later = await rig.CreateAsync(Names(2));
        rig.Desk.Start(rig.Wire);
        await rig.UntilAsync(() => rig.Wire.Calls.Count > 5);
        await rig.DieAsync();
        rig.Time.Advance(TimeSpan.FromHours(25));
        await rig.OpenAsync();
        rig.Desk.Start(rig.Wire);

        foreach ((Batch one, int items) in new[] { (batch, 3), (later, 2) })
        {
            Batch ended = await rig.EndedAsync(one);
            Assert.Equal((BatchEnd.Expired, new BatchCounts(0, 0, 0, items)), (ended.End, ended.Counts));
            Assert.All((await rig.ResultsAsync(one)).Values, v => Assert.Equal("Expired", v));
        }
    }

    [Fact]
    public async Task A_failure_that_may_pass_is_tried_again_and_want_of_room_does_not_count()
    {
        await using DeskRig rig = await DeskRig.StartAsync();
        int calls = 0;
        rig.Wire.Answer = call => Task.FromResult(Interlocked.Increment(ref calls) <= 3
            ? ScriptedWire.Bad(call, Reason.QueueTimeout)
            : ScriptedWire.Bad(call, Reason.UpstreamTimeout));
        Batch batch = await rig.CreateAsync("one");
        rig.Desk.Start(rig.Wire);

        Batch ended = await rig.EndedAsync(batch);

        Assert.Equal(new BatchCounts(0, 1, 0, 0), ended.Counts);
        Assert.Equal(3 + new BatchesConfig().ItemAttempts, rig.Wire.Calls.Count);
        Assert.Equal(rig.Wire.Calls.Count, rig.Wire.Calls.Select(c => c.Request).Distinct().Count());
    }

    [Fact]
    public async Task A_batch_of_a_file_has_its_results_in_files()
    {
        await using DeskRig rig = await DeskRig.StartAsync();
        rig.Wire.Answer = call => Task.FromResult(
            call.Item.CustomId == "b" ? ScriptedWire.Bad(call, Reason.BadRequest) : ScriptedWire.Good(call));
        StoredFile file = await rig.UploadAsync("a\nb\n\nc");
        Batch batch = await FromFileAsync(rig, file);
        rig.Desk.Start(rig.Wire);

        Batch ended = await rig.EndedAsync(batch);

        Assert.Equal((3, new BatchCounts(2, 1, 0, 0)), (ended.Total, ended.Counts));
        string output = await TextOfAsync(rig, ended.OutputFile!);
        Assert.Equal(["a:ok", "c:ok"], output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order());
        Assert.Equal("b:BadRequest\n", await TextOfAsync(rig, ended.ErrorFile!));
        Assert.Null(rig.Contents.Open(BatchDeskParts.ItemsOf(batch)));
        Assert.Null(rig.Contents.Open(BatchDeskParts.LogOf(batch)));
    }

    [Fact]
    public async Task Bad_lines_fail_the_whole_batch_and_nothing_of_it_is_kept()
    {
        await using DeskRig rig = await DeskRig.StartAsync();
        Batch batch = await FromFileAsync(rig, await rig.UploadAsync("a\n!b\na\n!c"));
        rig.Desk.Start(rig.Wire);

        Batch ended = await rig.EndedAsync(batch);

        Assert.Equal(BatchPhase.Failed, ended.Phase);
        Assert.Equal(
            [("bad", 2), ("duplicate_custom_id", 3), ("bad", 4)], ended.Problems.Select(p => (p.Code, p.Line!.Value)));
        Assert.Empty(rig.Wire.Calls);
        Assert.Null(rig.Contents.Open(BatchDeskParts.ItemsOf(batch)));
    }

    [Fact]
    public async Task Quotas_of_items_and_bytes_hold()
    {
        await using DeskRig rig = await DeskRig.StartAsync(config => config with
        {
            Tiers = [.. config.Tiers.Select(t => t with { MaxBatchRequests = 5, MaxBatchBytes = 20_000 })],
        });
        await rig.CreateAsync(Names(3));
        var items = await Assert.ThrowsAsync<BatchRefusedException>(() => rig.CreateAsync(Names(3)));
        Assert.Equal(Reason.LimitBatchQueue, items.Reason);
        await rig.CreateAsync(Names(2));
        var bytes = await Assert.ThrowsAsync<BatchRefusedException>(() => rig.UploadAsync(new string('x', 30_000)));
        Assert.Equal((Reason.LimitBatchQueue, false), (bytes.Reason, bytes.ShouldRetry));
        Assert.Equal(0, (await rig.Rows.StockAsync("acme", default)).Files);
    }

    [Fact]
    public async Task A_full_disk_refuses_a_batch_and_keeps_nothing_of_it()
    {
        await using DeskRig rig = await DeskRig.StartAsync();
        await rig.CloseAsync();
        var disk = new FullContents();
        await rig.OpenAsync(disk.Over);
        disk.Room = 2;

        var refused = await Assert.ThrowsAsync<BatchRefusedException>(() => rig.CreateAsync(Names(5)));
        var file = await Assert.ThrowsAsync<BatchRefusedException>(() => rig.UploadAsync(new string('x', 1_000_000)));
        Assert.Equal((Reason.StorageUnavailable, Reason.StorageUnavailable), (refused.Reason, file.Reason));
        Assert.Empty((await rig.Rows.ListIdsAsync(default)));

        // A result that the disk does not take is kept until it does.
        disk.Room = int.MaxValue;
        Batch batch = await rig.CreateAsync("one");
        rig.Wire.Answer = call =>
        {
            disk.Room = 0;
            return Task.FromResult(ScriptedWire.Good(call));
        };
        rig.Desk.Start(rig.Wire);
        await rig.UntilAsync(() => disk.Refused > 4);
        disk.Room = int.MaxValue;
        Assert.Equal(new BatchCounts(1, 0, 0, 0), (await rig.EndedAsync(batch)).Counts);
        Assert.Single(rig.Wire.Calls);
    }

    private static bool IsGone(DeskRig rig, ContentName name)
    {
        using IContentReader? found = rig.Contents.Open(name);
        return found is null;
    }

    [Fact]
    public async Task What_is_kept_long_enough_goes()
    {
        await using DeskRig rig = await DeskRig.StartAsync(config => config with
        {
            Server = config.Server with { Batches = new BatchesConfig { ResultsDays = 0.01, FileDays = 0.02 } },
        });
        StoredFile file = await rig.UploadAsync("a");
        Batch batch = await rig.CreateAsync("one");
        rig.Desk.Start(rig.Wire);
        await rig.EndedAsync(batch);

        rig.Time.Advance(TimeSpan.FromDays(0.01));
        await rig.UntilAsync(async () => (await rig.Rows.ListIdsAsync(default)).SetEquals([file.Id]));
        await rig.UntilAsync(() => IsGone(rig, BatchDeskParts.LogOf(batch)));
        rig.Time.Advance(TimeSpan.FromDays(0.01));
        await rig.UntilAsync(async () => (await rig.Rows.ListIdsAsync(default)).Count == 0);
        await rig.UntilAsync(() => IsGone(rig, BatchDeskParts.ContentOf(file)));
    }

    [Fact]
    public async Task Contents_that_are_lost_fail_their_batch_and_no_other()
    {
        await using DeskRig rig = await DeskRig.StartAsync();
        Batch lost = await rig.CreateAsync(Names(2));
        Batch good = await rig.CreateAsync(Names(2));
        rig.Contents.Delete(BatchDeskParts.ItemsOf(lost));
        await rig.CloseAsync();
        await rig.OpenAsync();
        rig.Desk.Start(rig.Wire);

        Assert.Equal(BatchPhase.Failed, (await rig.EndedAsync(lost)).Phase);
        Assert.Equal(new BatchCounts(2, 0, 0, 0), (await rig.EndedAsync(good)).Counts);
    }

    [Fact]
    public async Task Another_tenants_are_as_unknown_as_none()
    {
        await using DeskRig rig = await DeskRig.StartAsync();
        Batch batch = await rig.CreateAsync("one");
        StoredFile file = await rig.UploadAsync("a");
        foreach (Func<string, string, Task> call in new Func<string, string, Task>[]
        {
            (b, _) => rig.Desk.FindAsync(DeskRig.Globex, BatchSurface.Messages, b, default),
            (b, _) => rig.Desk.FindAsync(DeskRig.Acme, BatchSurface.OpenAi, b, default),
            (b, _) => rig.Desk.CancelAsync(DeskRig.Globex, BatchSurface.Messages, b, default),
            (b, _) => rig.Desk.DeleteAsync(DeskRig.Globex, BatchSurface.Messages, b, default),
            (b, _) => rig.Desk.OpenResultsAsync(DeskRig.Globex, b, default),
            (_, f) => rig.Desk.FindFileAsync(DeskRig.Globex, f, default),
            (_, f) => rig.Desk.OpenFileAsync(DeskRig.Globex, f, default),
            (_, f) => rig.Desk.DeleteFileAsync(DeskRig.Globex, f, default),
        })
        {
            var theirs = await Assert.ThrowsAsync<BatchRefusedException>(() => call(batch.Id, file.Id));
            var nobodys = await Assert.ThrowsAsync<BatchRefusedException>(() => call("none", "none"));
            Assert.Equal(Reason.NoSuchObject, theirs.Reason);
            Assert.Equal(
                nobodys.Message, theirs.Message.Replace(batch.Id, "none", StringComparison.Ordinal)
                    .Replace(file.Id, "none", StringComparison.Ordinal));
        }

        Assert.Empty((await rig.Desk.ListAsync(DeskRig.Globex, BatchSurface.Messages, new BatchRange(10), default)).Items);
        Assert.Empty((await rig.Desk.ListAsync(
            DeskRig.Globex, BatchSurface.Messages, new BatchRange(10, After: batch.Id), default)).Items);
    }

    private static Func<FleetConfig, FleetConfig> Most(int running) => config => config with
    {
        Server = config.Server with { Batches = new BatchesConfig { MaxConcurrency = running } },
    };

    private static bool Ended(DeskRig rig, Batch batch) => rig.Desk.Open.All(b => b.Id != batch.Id);

    private static Task<BatchAnswer> Scripted(DeskRig rig, BatchCall call, ref int answers, ref int lost)
    {
        if (Interlocked.Decrement(ref answers) >= 0)
        {
            return Answered(rig, call);
        }

        if (Interlocked.Decrement(ref lost) >= 0)
        {
            Charge(rig, call);
        }

        return new TaskCompletionSource<BatchAnswer>().Task;
    }

    private static Task<BatchAnswer> Answered(DeskRig rig, BatchCall call)
    {
        Charge(rig, call);
        return Task.FromResult(ScriptedWire.Good(call));
    }

    private static void Charge(DeskRig rig, BatchCall call)
    {
        rig.Wire.Completed[call.Request] = 0;
        if (!call.Prepaid)
        {
            rig.Wire.Charges.AddOrUpdate(call.Item.CustomId, 1, static (_, n) => n + 1);
        }
    }

    private static Task<Batch> FromFileAsync(DeskRig rig, StoredFile file) => rig.Desk.CreateAsync(
        new BatchAsk(DeskRig.Acme, BatchSurface.OpenAi, "/v1/chat/completions") { InputFile = file.Id }, default);

    private static async Task<string> TextOfAsync(DeskRig rig, string id)
    {
        (StoredFile file, IContentReader content) = await rig.Desk.OpenFileAsync(DeskRig.Acme, id, default);
        using (content)
        {
            using var text = new MemoryStream();
            long position = 0;
            while (content.TryRead(ref position, out _, out byte[] piece))
            {
                text.Write(piece);
            }

            Assert.Equal(file.Bytes, text.Length);
            return System.Text.Encoding.UTF8.GetString(text.ToArray());
        }
    }
}

using System.Net;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Emulator;
using Forebay.TestKit;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>The fleet file is rewritten under constant traffic: nobody notices but those it concerns.</summary>
public sealed class ReloadTests : IAsyncLifetime
{
    private const string Model = "m";
    private const int Callers = 6;
    private const int Rewrites = 20;

    private readonly TemporaryFolder _folder = new();
    private EmulatorHost _engines = null!;
    private ForebayProcess _server = null!;

    private string Data => _folder.File("data");

    private string File => _folder.File("forebay.yaml");

    public async ValueTask InitializeAsync()
    {
        _engines = await EmulatorHost.StartAsync(
            new EmulatorSpec { TimeScale = 1000, Deployments = [Engine("a"), Engine("b")] },
            TimeProvider.System,
            CancellationToken.None);
        Fleet(["a", "b"]).Write(File);
        _server = await ForebayProcess.ServeAsync(File, Data);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _engines.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task No_request_fails_while_the_file_is_rewritten_twenty_times()
    {
        string key = await Cli.NewKeyAsync(Data, "acme");
        using var stop = new CancellationTokenSource();
        Task<int>[] callers = [.. Enumerable.Range(0, Callers).Select(i => CallAsync(key, i, stop.Token))];
        for (int i = 0; i < Rewrites; i++)
        {
            await RewriteAsync(i);
        }

        await stop.CancelAsync();
        int[] answers = await Eventually.Within(Task.WhenAll(callers));
        Assert.All(answers, n => Assert.InRange(n, 1, int.MaxValue));
    }

    [Fact]
    public async Task What_waits_for_a_place_goes_where_a_reload_makes_one()
    {
        await using GatedUpstream full = await GatedUpstream.StartAsync();
        var only = new TestDeployment("full", Model, full.Address, ", max_concurrency: 1");
        new TestFleet(only).Write(File);
        await Cli.OkAsync(Data, "reload");
        string key = await Cli.NewKeyAsync(Data, "acme");
        Task<Answer> holds = _server.Api.AskAsync(Calls.Messages(Model, key: key));
        await Eventually.TrueAsync(() => full.Received == 1, () => _server.Errors);
        Task<Answer> waits = _server.Api.AskAsync(Calls.Messages(Model, key: key));
        await Eventually.TrueAsync(async () => (await Cli.StatusAsync(Data)).Waiting == 1, () => _server.Errors);

        new TestFleet(only, new TestDeployment("a", Model, _engines.Endpoints["a"])).Write(File);
        await Cli.OkAsync(Data, "reload");

        Assert.Equal("a", (await Eventually.Within(waits)).Headers["x-forebay-deployment"]);
        Assert.False(holds.IsCompleted);
        Fleet(["b"]).Write(File);
        await Cli.OkAsync(Data, "reload");
        full.Open();
        Assert.True((await Eventually.Within(holds)).IsComplete);
    }

    [Fact]
    public async Task A_file_with_problems_leaves_the_fleet_in_force_and_status_says_so()
    {
        string key = await Cli.NewKeyAsync(Data, "acme");
        TestFleet broken = Fleet(["a", "b"]) with
        {
            Tail = "  - {id: globex, tier: nope}\n  - {id: acme, tier: open}\n",
        };
        broken.Write(File);
        int line = broken.ToYaml().TrimEnd('\n').Split('\n').Length;

        // Seen without being told: the file is watched.
        await Eventually.TrueAsync(
            async () => (await Cli.StatusAsync(Data)).FleetFile!.Rejected is not null, () => _server.Errors);
        string status = await Cli.OkAsync(Data, "status");
        Ended reload = await Cli.RunAsync(Data, "reload");

        Assert.Contains("has problems and is not in force", status, StringComparison.Ordinal);
        Assert.Contains($"line {line - 1}, tenants[1].tier", status, StringComparison.Ordinal);
        Assert.Equal(1, reload.Code);
        Assert.Contains($"line {line}, tenants[2].id", reload.Output, StringComparison.Ordinal);
        Assert.Contains($"{File}:{line - 1}:", _server.Errors.Replace("\\n", "\n"), StringComparison.Ordinal);
        Assert.True((await _server.Api.AskAsync(Calls.Messages(Model, key: key))).IsComplete);

        Fleet(["a", "b"]).Write(File);
        await Cli.OkAsync(Data, "reload");
        Assert.Null((await Cli.StatusAsync(Data)).FleetFile!.Rejected);
    }

    [Fact]
    public async Task The_key_of_a_tenant_that_was_taken_out_is_refused_in_so_many_words()
    {
        (Fleet(["a", "b"]) with { Tenants = ["acme", "globex"] }).Write(File);
        await Cli.OkAsync(Data, "reload");
        IssuedKeyView issued = await Cli.NewKeyViewAsync(Data, "globex");
        Assert.True((await _server.Api.AskAsync(Calls.Messages(Model, key: issued.Secret))).IsComplete);

        Fleet(["a", "b"]).Write(File);
        await Cli.OkAsync(Data, "reload");
        Answer refused = await _server.Api.AskAsync(Calls.Messages(Model, key: issued.Secret));

        Assert.Equal((403, "not_permitted"), (refused.Status, refused.Headers["x-forebay-reason"]));
        Assert.Contains(
            $"API key {issued.Key.Id} belongs to a tenant that is no longer configured", refused.Text,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Changed_limits_hold_from_the_next_request_on()
    {
        string key = await Cli.NewKeyAsync(Data, "acme");
        (Fleet(["a"]) with { Limits = ", requests_per_minute: 1" }).Write(File);
        await Cli.OkAsync(Data, "reload");

        Answer[] answers =
        [
            await _server.Api.AskAsync(Calls.Messages(Model, key: key)),
            await _server.Api.AskAsync(Calls.Messages(Model, key: key)),
        ];

        Assert.Equal((int)HttpStatusCode.TooManyRequests, answers[1].Status);
        Assert.Equal("limit_requests", answers[1].Headers["x-forebay-reason"]);
    }

    [Fact]
    public async Task What_the_file_changed_is_in_the_audit_log_and_tampering_shows()
    {
        Fleet(["b"]).Write(File);
        await Eventually.TrueAsync(
            async () => (await Cli.StatusAsync(Data)).Deployments is [{ Id: "b" }], () => _server.Errors);
        await Cli.OkAsync(Data, "reload");

        AuditListView log = await Cli.JsonAsync(Data, AdminJson.Default.AuditListView, "audit", "list");
        AuditEntryView[] applied = [.. log.Entries.Where(e => e.Action == "fleet.apply")];
        Assert.Equal(["startup", "file", "file"], applied.Select(e => e.Actor));
        Assert.All(applied, e => Assert.Equal(File, e.Subject));
        Assert.All(applied, e => Assert.Contains("sha256", e.DetailJson, StringComparison.Ordinal));
        Assert.Contains(log.Entries, e => e.Action == "fleet.reload" && e.Actor != "file");
        Assert.Contains("intact", await Cli.OkAsync(Data, "audit", "verify"), StringComparison.Ordinal);

        // Someone with the disk in hand can get past the triggers, but not past the chain.
        await _server.StopAsync();
        long tampered = applied[0].Sequence;
        await TamperAsync(tampered);
        await using ForebayProcess again = await ForebayProcess.ServeAsync(File, Data);
        Ended verified = await Cli.RunAsync(Data, "audit", "verify");
        Assert.Equal(1, verified.Code);
        Assert.Contains($"broken at entry {tampered}", verified.Output, StringComparison.Ordinal);
    }

    /// <summary>One rewrite and what must come of it: deployments change places, limits change, the file breaks.
    /// </summary>
    private async Task RewriteAsync(int number)
    {
        string[][] places = [["a"], ["b"], ["a", "b"], ["b", "a"]];
        TestFleet next = Fleet(places[number % places.Length]) with
        {
            Limits = $", requests_per_minute: {1_000_000 + number}",
        };
        bool good = number % 5 != 4;
        (good ? next : next with { Tail = "  - {id: acme, tier: open}\n" }).Write(File);
        Ended reload = await Cli.RunAsync(Data, "reload");
        Assert.True(reload.Code == (good ? 0 : 1), reload.Output + reload.Errors);
    }

    private async Task<int> CallAsync(string key, int number, CancellationToken stop)
    {
        int answers = 0;
        for (int i = number; !stop.IsCancellationRequested; i++)
        {
            Answer answer = await _server.Api.AskAsync(i % 2 == 0
                ? Calls.Messages(Model, stream: i % 4 == 0, key: key)
                : Calls.Chat(Model, stream: i % 4 == 1, key: key));
            Assert.True(answer.IsComplete, $"{answer.Status} {answer.Text}\n{_server.Errors}");
            answers++;
        }

        return answers;
    }

    private TestFleet Fleet(string[] deployments) =>
        new([.. deployments.Select(d => new TestDeployment(d, Model, _engines.Endpoints[d]))]);

    private static EmulatedDeploymentSpec Engine(string id) => new()
    {
        Id = id,
        Model = Model,
        Accelerator = "H100-SXM",
        AcceleratorsPerReplica = 8,
        Description = new ModelConfig
        {
            Id = Model, ContextTokens = 32_768, MaxOutputTokens = 8192, ParametersBillion = Figure.Of(70),
        },
    };

    private async Task TamperAsync(long sequence)
    {
        string file = Path.Combine(Data, "forebay.db");
        await using var database = new SqliteConnection($"Data Source={file};Pooling=False");
        await database.OpenAsync();
        await using SqliteCommand command = database.CreateCommand();
        command.CommandText =
            "DROP TRIGGER audit_log_no_update; UPDATE audit_log SET subject = 'other.yaml' WHERE sequence = $n";
        command.Parameters.AddWithValue("$n", sequence);
        await command.ExecuteNonQueryAsync();
    }
}

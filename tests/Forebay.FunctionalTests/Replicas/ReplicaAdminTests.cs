using System.CommandLine;
using System.Net;
using System.Text.Json;
using Forebay.Control.Access;
using Forebay.Control.Admin.Contract;
using Forebay.Control.Replicas;
using Forebay.Core.Access;
using Forebay.Core.Capacity.Replicas;
using Forebay.FunctionalTests.Control;
using Forebay.Storage.Data;
using Xunit;

namespace Forebay.FunctionalTests.Replicas;

/// <summary>Replicas through the admin API, the command line and the metrics page.</summary>
public sealed class ReplicaAdminTests : IAsyncLifetime
{
    private readonly ReplicaRig _rig = new();
    private AdminHarness _admin = null!;
    private DataDirectory _directory = null!;
    private ReplicaMetrics _metrics = null!;

    public async ValueTask InitializeAsync()
    {
        _rig.Options = _rig.Options with { Policy = _rig.Options.Policy with { MaxFailures = 1 } };
        await _rig.OpenAsync();
        _metrics = new ReplicaMetrics(_rig.Loop);
        _admin = await AdminHarness.StartAsync(replicas: _rig.Loop);
        _directory = DataDirectory.Open(_admin.Data);
        _directory.WriteServerInfo(new ServerInfo(Environment.ProcessId, _admin.Server.Address, _admin.Server.Address));
        await AdminTokenFile.EnsureAsync(_admin.Data, _admin.Tokens, CancellationToken.None);
        _rig.Wanted =
        [
            new ReplicaWanted
            {
                Id = "r1", Model = "deep", Version = "7", Build = "fp8", Pool = "oslo-h100", Site = "oslo",
                Program = "/bin/sh", Arguments = ["-c", "echo cannot load; exit 4"],
            },
        ];
        _rig.Loop.Start();
        await _rig.PhaseAsync("r1", ReplicaPhase.Failed);
    }

    public async ValueTask DisposeAsync()
    {
        _metrics.Dispose();
        _directory.Dispose();
        await _admin.DisposeAsync();
        await _rig.DisposeAsync();
    }

    [Fact]
    public async Task They_are_listed_shown_read_stopped_and_restarted()
    {
        string[] lines = (await OkAsync("replica", "list")).Split('\n');
        Assert.StartsWith("ID ", lines[0], StringComparison.Ordinal);
        Assert.Contains("code 4", lines[1], StringComparison.Ordinal);
        Assert.DoesNotContain("r1", await OkAsync("replica", "list", "--model", "other"), StringComparison.Ordinal);

        string shown = await OkAsync("replica", "show", "r1");
        Assert.Contains("deep version 7, fp8", shown, StringComparison.Ordinal);
        Assert.Contains("cannot load", shown, StringComparison.Ordinal);
        Assert.Equal("cannot load\n", await OkAsync("replica", "logs", "r1", "--lines", "5"));

        ReplicaView held = JsonSerializer.Deserialize(
            await OkAsync("replica", "stop", "r1", "--json"), AdminJson.Default.ReplicaView)!;
        Assert.True(held.Held);
        await _rig.PhaseAsync("r1", ReplicaPhase.Stopped);
        await OkAsync("replica", "restart", "r1");
        await _rig.PhaseAsync("r1", ReplicaPhase.Failed, generation: 2);

        Assert.Equal(
            ["replica.stop", "replica.restart"],
            (await _admin.Audit.ReadAsync(0, 100, default)).Select(e => e.Action).Where(a => a.StartsWith("replica.")));
    }

    [Fact]
    public async Task What_is_wrong_is_said_and_only_operators_change_or_read_output()
    {
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(HttpMethod.Get, "/v1/replicas/nobody", AdminRole.Viewer));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(HttpMethod.Post, "/v1/replicas/nobody/stop", AdminRole.Operator));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(HttpMethod.Post, "/v1/replicas/r1/stop", AdminRole.Viewer));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(HttpMethod.Get, "/v1/replicas/r1/logs", AdminRole.Viewer));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(HttpMethod.Get, "/v1/replicas/r1", AdminRole.Viewer));
        Assert.Equal(HttpStatusCode.UnprocessableEntity,
            await StatusAsync(HttpMethod.Get, "/v1/replicas/r1/logs?lines=0", AdminRole.Operator));
    }

    [Fact]
    public async Task They_are_measured()
    {
        using HttpResponseMessage page = await _admin.SendAsync(HttpMethod.Get, "/metrics");
        string text = await page.Content.ReadAsStringAsync();

        Assert.Contains("forebay_replica_count{model=\"deep\",phase=\"failed\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("forebay_replica_failed_total 1", text, StringComparison.Ordinal);
    }

    private async Task<HttpStatusCode> StatusAsync(HttpMethod method, string path, AdminRole role)
    {
        using HttpResponseMessage answer = await _admin.SendAsync(method, path, role);
        return answer.StatusCode;
    }

    private async Task<string> OkAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = await Program.BuildRoot().Parse([.. arguments, "--data", _admin.Data])
            .InvokeAsync(new InvocationConfiguration { Output = output, Error = error });
        Assert.True(code == 0, error.ToString());
        return output.ToString().ReplaceLineEndings("\n");
    }
}

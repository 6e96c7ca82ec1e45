using Forebay.Control.Errors;
using Forebay.Control.Rollout;
using Forebay.Core.Errors;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Rollout;
using Forebay.Core.Time;
using Forebay.FunctionalTests.Health;
using Xunit;

namespace Forebay.FunctionalTests.Versions;

/// <summary>Versions of a model rolled out under real requests over real sockets.</summary>
public sealed class RolloutTests
{
    private static readonly string[] Versions = ["a", "b"];

    [Fact]
    public async Task A_version_that_fails_is_rolled_back_by_itself_and_no_client_notices()
    {
        await using SwitchedUpstream old = await SwitchedUpstream.StartAsync();
        await using SwitchedUpstream next = await SwitchedUpstream.StartAsync();
        await using RolloutHarness rollout = await RolloutHarness.StartAsync([old.Address, next.Address], Versions);
        await rollout.BeginAsync(0.3, 1);
        next.Fault = "500";
        for (int i = 0; i < 400 && rollout.Last.IsOpen; i++)
        {
            Assert.Equal("d0", await rollout.AskAsync(i, turns: 1 + i % 2));
            rollout.Tick();
        }

        Assert.Equal(RolloutPhase.RolledBack, rollout.Last.Phase);
        Assert.Contains("of b failed", rollout.Last.Reason, StringComparison.Ordinal);
        Assert.True(next.Calls >= 5);
        next.Forget();
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal("d0", await rollout.AskAsync(i));
        }

        Assert.Equal(0, next.Calls);
        Assert.Equal(
            [("rollout.start", "test"), ("rollout.rollback", "rollout")],
            rollout.Audit.Entries.Select(e => (e.Action, e.Actor)));
    }

    [Fact]
    public async Task A_version_that_is_good_takes_over_step_by_step_and_each_conversation_moves_once()
    {
        await using SwitchedUpstream old = await SwitchedUpstream.StartAsync();
        await using SwitchedUpstream next = await SwitchedUpstream.StartAsync();
        await using RolloutHarness rollout = await RolloutHarness.StartAsync([old.Address, next.Address], Versions);
        await rollout.BeginAsync(0.1, 0.5, 1);
        var at = new string[60];
        var shares = new List<double>();
        for (int turn = 1; turn < 60 && rollout.Last.IsOpen; turn++)
        {
            double share = rollout.Last.Share;
            shares.Add(share);
            for (int i = 0; i < at.Length; i++)
            {
                string now = await rollout.AskAsync(i, 1 + turn % 4);
                Assert.Contains(now, (string[])["d0", "d1"]);

                // While the share stays so does the conversation, and from the new version none goes back.
                Assert.True(at[i] is null || now == at[i] || (now == "d1" && share > shares[^2]));
                at[i] = now;
            }

            rollout.Tick();
            rollout.Tick();
        }

        Assert.Equal((RolloutPhase.Completed, 1.0), (rollout.Last.Phase, rollout.Last.Share));
        Assert.Equal([0.1, 0.5, 1], shares.Distinct());
        Assert.All(at, id => Assert.Equal("d1", id));
        Assert.Equal("d1", await rollout.AskAsync(1000));
        Assert.Equal(
            ["rollout.start", "rollout.advance", "rollout.advance", "rollout.advance"],
            rollout.Audit.Entries.Select(e => e.Action));
    }

    [Fact]
    public async Task A_name_tells_conversations_apart_that_begin_alike()
    {
        await using SwitchedUpstream old = await SwitchedUpstream.StartAsync();
        await using SwitchedUpstream next = await SwitchedUpstream.StartAsync();
        await using RolloutHarness rollout = await RolloutHarness.StartAsync([old.Address, next.Address], Versions);
        await rollout.BeginAsync(0.5, 1);
        var alike = new HashSet<string>();
        var named = new HashSet<string>();
        for (int i = 0; i < 24; i++)
        {
            alike.Add(await rollout.AskAsync("Hi", 1));
            string first = await rollout.AskAsync("Hi", 1, $"c{i}");
            Assert.Equal(first, await rollout.AskAsync("Something else", 3, $"c{i}"));
            named.Add(first);
        }

        Assert.Equal((1, 2), (alike.Count, named.Count));
        Assert.StartsWith("400 ", await rollout.AskAsync("Hi", 1, new string('c', 257)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_other_version_helps_out_while_the_rollout_is_open_and_never_after()
    {
        await using SwitchedUpstream old = await SwitchedUpstream.StartAsync();
        await using SwitchedUpstream next = await SwitchedUpstream.StartAsync();
        await using RolloutHarness rollout = await RolloutHarness.StartAsync([old.Address, next.Address], Versions);
        await rollout.BeginAsync(1);
        TakeOut(rollout, "d1");
        Assert.Equal("d0", await rollout.AskAsync(1));

        await rollout.Rollouts.RollBackAsync("atlas", "test", null);
        Assert.Equal("d0", await rollout.AskAsync(1));
        old.Fault = "500";
        Assert.StartsWith("5", await rollout.AskAsync(1), StringComparison.Ordinal);
        Assert.Equal(0, next.Calls);
    }

    [Fact]
    public async Task It_goes_on_after_a_restart_where_it_was_and_ends_where_it_ended()
    {
        await using SwitchedUpstream old = await SwitchedUpstream.StartAsync();
        await using SwitchedUpstream next = await SwitchedUpstream.StartAsync();
        await using RolloutHarness rollout = await RolloutHarness.StartAsync([old.Address, next.Address], Versions);
        await rollout.BeginAsync(0.4, 1);
        string[] before = await AskAllAsync(rollout);
        rollout.Time.Advance(TimeSpan.FromHours(1));
        await rollout.Rollouts.PauseAsync("atlas", "test");
        await rollout.RestartAsync();

        Assert.Equal((RolloutPhase.Paused, 0.4), (rollout.Last.Phase, rollout.Last.Share));
        Assert.Equal(before, await AskAllAsync(rollout));

        // The hour that the step was held counts on, but for what passed since that was stored last.
        long heldMs = rollout.Time.GetUtcNow().ToUnixTimeMilliseconds() - rollout.Last.StepSinceUnixMs;
        Assert.InRange(heldMs, 3_590_000, 3_600_000);
        await rollout.Rollouts.ResumeAsync("atlas", "test");
        await rollout.Rollouts.RollBackAsync("atlas", "test", "enough");
        await rollout.RestartAsync();
        Assert.All(await AskAllAsync(rollout), id => Assert.Equal("d0", id));
        Assert.Equal("enough", rollout.Last.Reason);
    }

    [Fact]
    public async Task What_cannot_be_is_refused_and_what_cannot_be_stored_is_not_in_force()
    {
        await using SwitchedUpstream old = await SwitchedUpstream.StartAsync();
        await using SwitchedUpstream next = await SwitchedUpstream.StartAsync();
        await using RolloutHarness rollout = await RolloutHarness.StartAsync([old.Address, next.Address], Versions);
        RefusedException wrong = await Assert.ThrowsAsync<RefusedException>(() => rollout.Rollouts.StartAsync(
            rollout.Model, new RolloutAsked("c", "d", [1, 0.5], -1, 0), "test"));
        Assert.Equal(
            ["to", "from", "steps", "hold_seconds", "min_requests"], wrong.Problems.Select(p => p.Field));
        RefusedException none = await Assert.ThrowsAsync<RefusedException>(
            () => rollout.Rollouts.PauseAsync("atlas", "test"));
        Assert.Equal(RefusalKind.NotFound, none.Kind);

        rollout.Store.WriteFailure = new IOException("full");
        await Assert.ThrowsAsync<IOException>(() => rollout.BeginAsync(1));
        Assert.Null(rollout.Gateway.State.Splits.Of("atlas"));
        Assert.Equal("rollout.start.failed", rollout.Audit.Entries[^1].Action);
        rollout.Store.WriteFailure = null;

        await rollout.BeginAsync(1);
        RefusedException twice = await Assert.ThrowsAsync<RefusedException>(() => rollout.BeginAsync(1));
        Assert.Equal(RefusalKind.Conflict, twice.Kind);
        await rollout.Rollouts.RollBackAsync("atlas", "test", null);
        Assert.Equal(RefusalKind.Conflict, (await Assert.ThrowsAsync<RefusedException>(
            () => rollout.Rollouts.RollBackAsync("atlas", "test", null))).Kind);
        Assert.Equal(2, (await rollout.BeginAsync(0.5, 1)).Id);
    }

    private static async Task<string[]> AskAllAsync(RolloutHarness rollout)
    {
        var at = new string[40];
        for (int i = 0; i < at.Length; i++)
        {
            at[i] = await rollout.AskAsync(i);
        }

        return at;
    }

    private static void TakeOut(RolloutHarness rollout, string id)
    {
        Core.Fleet.Deployment deployment = rollout.Gateway.State.Model.Deployments.Single(d => d.Id == id);
        rollout.Gateway.State.Of(deployment).Breaker.TakeOut(
            OutCause.Probes,
            Reason.UpstreamCut,
            Instant.MonotonicNsOf(TimeProvider.System),
            0.5,
            new HealthRulesConfig { OpenSeconds = 3600, MaxOpenSeconds = 3600 });
        rollout.Gateway.State.LoadOf(deployment).Publish();
    }
}

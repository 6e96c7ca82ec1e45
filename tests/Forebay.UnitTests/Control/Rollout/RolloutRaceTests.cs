using System.Collections.Frozen;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Control.Rollout;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Rollout;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Memory;
using Forebay.TestKit.Time;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Control.Rollout;

/// <summary>Two operators at one rollout at once: one decides, the other is told what stands.</summary>
public sealed class RolloutRaceTests : IDisposable
{
    private static readonly RolloutAsked Asked = new("2", "1", null, null, null);

    private readonly ManualTime _time = new();
    private readonly MemoryAuditLog _audit = new();
    private readonly FleetState _fleet = new();
    private readonly RolloutService _service;

    public RolloutRaceTests()
    {
        DeploymentConfig[] deployments = SmallFleet.Config.Deployments;
        _fleet.Model = FleetModel.Build(
            SmallFleet.Config with
            {
                Deployments =
                [
                    deployments[0] with { ModelVersion = "1" }, deployments[1] with { ModelVersion = "2" },
                    .. deployments.Skip(2),
                ],
            },
            FrozenDictionary<string, Uri>.Empty);
        _service = new RolloutService(
            _fleet, new MemoryRolloutStore(), new AuditedChange(_audit, _time, NullLogger<AuditedChange>.Instance), _time,
            NullLogger<RolloutService>.Instance);
    }

    public void Dispose() => _service.Dispose();

    [Fact]
    public async Task Of_two_who_begin_one_at_once_one_does_and_the_other_is_told_which_one_runs()
    {
        await _service.LoadAsync(default);
        ServedModel model = _fleet.Model.FindModel("deep")!;

        RefusedException lost = await OneWinsAsync(
            _service.StartAsync(model, Asked, "ann"), _service.StartAsync(model, Asked, "bob"));

        Assert.Contains("The rollout of deep to 2 is running. Roll it back first", lost.Message, StringComparison.Ordinal);
        Assert.Single(_service.All);
        Assert.Single(_audit.Entries, e => e.Action == "rollout.start");
    }

    [Fact]
    public async Task Of_two_who_take_it_back_at_once_one_does_and_of_pause_and_rollback_the_rollback_stands()
    {
        await _service.LoadAsync(default);
        await _service.StartAsync(_fleet.Model.FindModel("deep")!, Asked, "ann");

        RefusedException lost = await OneWinsAsync(
            _service.RollBackAsync("deep", "ann", null), _service.RollBackAsync("deep", "bob", "slow"));
        RefusedException late = await Assert.ThrowsAsync<RefusedException>(() => _service.PauseAsync("deep", "eve"));

        Assert.Contains("It was rolled back already.", lost.Message, StringComparison.Ordinal);
        Assert.Equal(RefusalKind.Conflict, late.Kind);
        Assert.Contains("It is not running.", late.Message, StringComparison.Ordinal);
        Assert.Equal(RolloutPhase.RolledBack, _service.Last("deep")!.Phase);
        Assert.Null(await _audit.VerifyAsync(default));
    }

    private static async Task<RefusedException> OneWinsAsync(params Task<ModelRollout>[] both)
    {
        RefusedException lost = await Assert.ThrowsAsync<RefusedException>(() => Task.WhenAll(both));
        _ = Assert.Single(both, b => b.IsCompletedSuccessfully);
        Assert.Equal(RefusalKind.Conflict, lost.Kind);
        return lost;
    }
}

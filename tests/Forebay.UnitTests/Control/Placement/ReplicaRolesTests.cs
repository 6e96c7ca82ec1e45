using Forebay.Control.Placement;
using Forebay.Control.Replicas;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Fleet;
using Forebay.UnitTests.Core.Capacity.Placement;
using Xunit;
using Phase = Forebay.Core.Capacity.Replicas.ReplicaPhase;
using Placed = Forebay.Core.Capacity.Placement.ReplicaPhase;

namespace Forebay.UnitTests.Control.Placement;

public sealed class ReplicaRolesTests
{
    private const long Now = 10_000_000;
    private static readonly EmulatorProgram Emulator = new("/bin/emulator", []);

    [Theory]
    [InlineData(Phase.Planned, AfterStop.Stop, 0, 0, ReplicaRole.Stands, Placed.Transferring)]
    [InlineData(Phase.Fetching, AfterStop.Stop, 0, 0, ReplicaRole.Stands, Placed.Transferring)]
    [InlineData(Phase.Warming, AfterStop.Stop, 0, 0, ReplicaRole.Stands, Placed.Warming)]
    [InlineData(Phase.Ready, AfterStop.Retry, 2, 3, ReplicaRole.Stands, Placed.Ready)]
    [InlineData(Phase.Draining, AfterStop.Replace, 0, 1, ReplicaRole.Stands, Placed.Warming)]
    [InlineData(Phase.Stopping, AfterStop.Retry, 1, 1, ReplicaRole.Stands, Placed.Warming)]
    [InlineData(Phase.Stopping, AfterStop.Retry, 1, 0, ReplicaRole.Failing, Placed.Draining)]
    [InlineData(Phase.Planned, AfterStop.Retry, 2, 1, ReplicaRole.Failing, Placed.Draining)]
    [InlineData(Phase.Draining, AfterStop.Stop, 0, 1, ReplicaRole.Leaving, Placed.Draining)]
    [InlineData(Phase.Stopping, AfterStop.Stop, 0, 1, ReplicaRole.Leaving, Placed.Draining)]
    [InlineData(Phase.Stopped, AfterStop.Stop, 0, 1, ReplicaRole.Gone, Placed.Draining)]
    [InlineData(Phase.Failed, AfterStop.Fail, 5, 0, ReplicaRole.GivenUp, Placed.Draining)]
    public void A_replica_is_to_placement_what_its_life_says(
        Phase phase, AfterStop after, int failures, long warmed, ReplicaRole role, Placed placed)
    {
        ReplicaStatus status = Status(s => s with
        {
            Phase = phase, After = after, Failures = failures, WarmedGeneration = warmed,
        });
        ReplicaRoles roles = RolesOf(status);

        Assert.Equal(role, roles.RoleOf("r1"));
        Assert.Equal(placed, roles.AsPlaced(status).Phase);
        Assert.Equal(phase is not (Phase.Stopped or Phase.Failed), roles.Alive.Contains("r1"));
        Assert.Equal(role is ReplicaRole.Failing or ReplicaRole.GivenUp, roles.Barred.Length == 1);
        Assert.Equal(
            role is ReplicaRole.Stands or ReplicaRole.Failing or ReplicaRole.Leaving, roles.Holding.Any());
    }

    [Fact]
    public void What_was_given_up_is_tried_again_after_a_while_or_once_its_build_is_another()
    {
        ReplicaStatus status = Status(s => s with { Phase = Phase.Failed, After = AfterStop.Fail, SinceUnixMs = Now });
        FleetConfig other = ReplicaOrderTests.With(e => e with { Command = "vllm serve --port {port} --fixed" });
        long later = Now + (long)ReplicaRoles.AfterFailure.TotalMilliseconds;

        Assert.NotEmpty(RolesOf(status).GivenUp);
        Assert.Empty(new ReplicaRoles([status], other, Emulator, Now).GivenUp);
        Assert.Empty(new ReplicaRoles([status], PlacedFleet.Read(), Emulator, later).GivenUp);
    }

    [Fact]
    public void One_that_serves_keeps_its_engine_though_the_file_has_another_and_follows_what_does_not_concern_it()
    {
        ReplicaStatus ready = Status(s => s with { Phase = Phase.Ready });
        ReplicaStatus failing = Status(s => s with { Phase = Phase.Planned, Failures = 1 });
        FleetConfig command = ReplicaOrderTests.With(e => e with { Command = "other {port}" });
        FleetConfig health = ReplicaOrderTests.With(e => e with { HealthPath = "/alive" });

        Assert.Equal("vllm", new ReplicaRoles([ready], command, Emulator, Now).OrderOf(ready, command, Emulator).Program);
        Assert.Equal("/alive", new ReplicaRoles([ready], health, Emulator, Now).OrderOf(ready, health, Emulator).HealthPath);
        Assert.Equal(
            "other", new ReplicaRoles([failing], command, Emulator, Now).OrderOf(failing, command, Emulator).Program);
    }

    [Fact]
    public void Its_own_deployment_does_not_count_beside_it()
    {
        FleetConfig fleet = PlacedFleet.Read();
        ReplicaStatus status = Status(s => s);
        FleetConfig with = fleet with
        {
            Deployments = [.. fleet.Deployments, status.State.Spec.ToDeployment(new Uri("http://127.0.0.1:1"))],
        };

        Assert.Equal(fleet.Deployments, ReplicaRoles.Without(with, [status]).Deployments);
        Assert.Same(fleet, ReplicaRoles.Without(fleet, [status]));
    }

    private static ReplicaRoles RolesOf(ReplicaStatus status) => new([status], PlacedFleet.Read(), Emulator, Now);

    private static ReplicaStatus Status(Func<ReplicaState, ReplicaState> change)
    {
        ReplicaWanted order = ReplicaOrder.Of(
            new PlacementDecision
            {
                Action = PlacementAction.Start,
                Cause = PlacementCause.Demand,
                ReplicaId = "r1",
                Model = "atlas-large",
                Version = "2026-10-01",
                Build = "hopper-fp8",
                Pool = "northwind-us-h100",
            },
            PlacedFleet.Read(),
            Emulator)!;
        return new ReplicaStatus(change(ReplicaState.Plan(order, Now)), order, null, [], null, false, 0);
    }
}

using System.Collections.Frozen;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Demand;
using Forebay.Control.Placement;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Placement;

public sealed class PlacementInputsTests
{
    private static readonly Instant Now = new(
        0, new DateTimeOffset(2026, 11, 23, 14, 20, 0, TimeSpan.Zero).ToUnixTimeMilliseconds());

    private readonly FleetConfig _fleet = PlacedFleet.Read();

    [Fact]
    public void The_example_serves_its_demand_and_survives_the_loss_of_either_provider()
    {
        PlacementProblem problem = new PlacementInputs().ProblemAt(_fleet, PlacedFleet.ReadDemand(_fleet), ExportMasks.None, Now);
        PlacementPlan plan = Placer.Step(problem, PlacementState.Empty, Now, 1);
        PlacementOracle.Check(problem, PlacementState.Empty, plan, Now.WallUnixMs);
        Assert.Contains(plan.Unmet, u => u.Binding == PlacementExclusion.Start);
        Assert.All(plan.Unmet, u => Assert.True(u.PeakHour == 0 && u.Share < 0.15, u.ToString()));
        Assert.Empty(plan.UnmetMinimums);
        foreach (string provider in (string[])["northwind", "lumen"])
        {
            Assert.True(plan.Starts.Count(d => d.Model == "atlas-large"
                && !d.Pool.StartsWith(provider, StringComparison.Ordinal)) >= 2);
        }
    }

    [Fact]
    public void Every_start_becomes_a_deployment_that_the_fleet_accepts()
    {
        PlacementProblem problem = new PlacementInputs().ProblemAt(_fleet, PlacedFleet.ReadDemand(_fleet), ExportMasks.None, Now);
        PlacementPlan plan = Placer.Step(problem, PlacementState.Empty, Now, 1);
        DeploymentConfig[] made =
        [
            .. plan.Starts.Select((d, i) => OrderOf(d)!.ToDeployment(new Uri($"http://10.0.0.7:{9000 + i}"))),
        ];
        FleetConfig served = _fleet with { Deployments = made };
        Assert.Empty(FleetValidator.Validate(served, AcceleratorCatalogue.BuiltIn.Names.ToFrozenSet()));
        var model = FleetModel.Build(served, FrozenDictionary<string, Uri>.Empty);
        Assert.All(model.Deployments, d => Assert.Equal(Backing.Real, d.Backing));
        Assert.All(model.Deployments, d => Assert.Equal("/health", d.ProbePath));
        Assert.Equal(plan.Starts.Select(d => d.Version), model.Deployments.Select(d => d.Config.ModelVersion));
        Assert.Null(OrderOf(plan.Starts.First() with { Version = "gone" }));
    }

    private ReplicaWanted? OrderOf(PlacementDecision decision) =>
        ReplicaOrder.Of(decision, _fleet, new EmulatorProgram("forebay", []));

    [Fact]
    public void Residency_and_export_decide_as_they_do_for_requests()
    {
        string[] policies = ["eu-only", "", "orbit"];
        for (int seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            FleetConfig fleet = _fleet with
            {
                Sites = [.. _fleet.Sites.Select(s => s with
                {
                    Kind = random.Next(4) == 0 ? SiteKind.Orbital : s.Kind, Jurisdiction = random.Next(2) == 0 ? "eu" : "us",
                })],
                ResidencyPolicies =
                [
                    .. _fleet.ResidencyPolicies,
                    new ResidencyPolicyConfig { Id = "orbit", Jurisdictions = ["*"], SiteKinds = [SiteKind.Orbital] },
                ],
                Tenants =
                [
                    .. _fleet.Tenants.Select(
                        t => t with { Residency = policies[random.Next(3)] is { Length: > 0 } p ? p : null }),
                ],
            };
            ExportMasks masks = new(
            [
                ExportDenials.None with { Model = "atlas-large", Jurisdictions = random.Next(2) == 0 ? ["us"] : [] },
            ]);
            PlacementProblem problem = new PlacementInputs().ProblemAt(fleet, PlacedFleet.ReadDemand(_fleet), masks, Now);
            PlacementPlan plan = Placer.Step(problem, PlacementState.Empty, Now, (ulong)seed);
            PlacementOracle.Check(problem, PlacementState.Empty, plan, Now.WallUnixMs);
            foreach (PlacementDecision start in plan.Starts)
            {
                SiteConfig site = fleet.Sites.Single(s => s.Id == fleet.Pools.Single(p => p.Id == start.Pool).Site);
                ModelConfig model = fleet.Models.Single(m => m.Id == start.Model);
                Assert.True(ExportRule.Allows(model.Export, masks.Of(model.Id), site));
                IEnumerable<string?> asked = fleet.Tenants.Select(t => t.Residency)
                    .Concat(PlacedFleet.ReadDemand(_fleet).Select(d => d.Key.Residency.Length == 0 ? null : d.Key.Residency));
                Assert.Contains(asked, r => ResidencyRule.Allows(fleet.ResidencyPolicies.FirstOrDefault(p => p.Id == r), site));
            }
        }
    }

    [Fact]
    public void A_residency_that_nobody_knows_may_go_nowhere()
    {
        var stated = new double[HourOfWeek.Count];
        Array.Fill(stated, 1e9);
        DemandForecast lost = DemandForecast.Stated(new DemandKey("atlas-small", "", "gone"), stated, stated, stated);
        PlacementProblem problem = new PlacementInputs().ProblemAt(_fleet, [lost], ExportMasks.None, Now);
        PlacementDemand asked = problem.Demands.Single(d => d.Label.Contains("gone", StringComparison.Ordinal));
        Assert.DoesNotContain(true, asked.MayServe);
    }

    [Fact]
    public void Parts_that_come_out_the_same_are_the_same_objects()
    {
        var inputs = new PlacementInputs();
        IReadOnlyList<DemandForecast> demand = PlacedFleet.ReadDemand(_fleet);
        PlacementProblem before = inputs.ProblemAt(_fleet, demand, ExportMasks.None, Now);
        FleetConfig changed = _fleet with
        {
            Pools =
            [
                .. _fleet.Pools[..^1],
                _fleet.Pools[^1] with { Accelerators = _fleet.Pools[^1].Accelerators! with { Count = Figure.Of(32) } },
            ],
        };
        PlacementProblem after = inputs.ProblemAt(changed, demand, ExportMasks.None, Now);
        Assert.Equal(before.Sites, after.Sites);
        Assert.Equal(before.Versions, after.Versions);
        Assert.Equal(before.Demands, after.Demands);
        Assert.Same(before.Pools[0], after.Pools[0]);
        Assert.NotSame(before.Pools[^1], after.Pools[^1]);
        Assert.Equal([32], after.Pools[^1].AvailableByHour);
    }

    [Fact]
    public void Deployments_of_the_file_hold_accelerators_and_serve()
    {
        FleetConfig fleet = _fleet with
        {
            Deployments =
            [
                new DeploymentConfig
                {
                    Id = "own", Model = "atlas-large", Pool = "northwind-us-h100", AcceleratorsPerReplica = 4, Replicas = 6,
                },
            ],
        };
        PlacementProblem problem = new PlacementInputs().ProblemAt(fleet, [], ExportMasks.None, Now);
        Assert.Equal([24], problem.Pools.Single(p => p.Id == "northwind-us-h100").LeasedToOthersByHour);
        Assert.True(Assert.Single(problem.Fixed).DecodeTokensPerSecond > 0);
    }

    [Fact]
    public void A_commitment_bounds_its_pools_by_term_and_ramp_and_its_price_counts_where_it_is_not_owed()
    {
        FleetConfig fleet = _fleet with
        {
            Commitments =
            [
                new CommitmentConfig
                {
                    Id = "c", Provider = "lumen", Unit = CommitmentUnit.Accelerators, Quantity = Figure.Of(64),
                    Ramp =
                    [
                        new RampStepConfig { From = new DateOnly(2026, 11, 1), Quantity = Figure.Of(16) },
                        new RampStepConfig { From = new DateOnly(2026, 11, 24), Quantity = Figure.Of(64) },
                    ],
                    Price = new CommitmentPriceConfig { Usd = Figure.Of(4), Per = PricePer.AcceleratorHour },
                    TakeOrPayShare = Figure.Of(0.75m),
                },
            ],
            Pools = [.. _fleet.Pools.Select(p => p.Id == "lumen-eu-h200" ? p with { Commitment = "c" } : p)],
        };
        PlacementPool pool = new PlacementInputs().ProblemAt(fleet, [], ExportMasks.None, Now).Pools
            .Single(p => p.Id == "lumen-eu-h200");
        Assert.Equal(16, pool.AvailableByHour[9]);
        Assert.Equal(64, pool.AvailableByHour[10]);
        Assert.Equal(1, pool.UsdPerAcceleratorHour);
    }
}

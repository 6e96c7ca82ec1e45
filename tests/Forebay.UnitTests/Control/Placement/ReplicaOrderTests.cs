using Forebay.Control.Placement;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Versions;
using Forebay.UnitTests.Core.Capacity.Placement;
using Xunit;

namespace Forebay.UnitTests.Control.Placement;

public sealed class ReplicaOrderTests
{
    private static readonly EmulatorProgram Emulator = new("/usr/bin/dotnet", ["forebay.dll"]);

    private static readonly PlacementDecision Decision = new()
    {
        Action = PlacementAction.Start,
        Cause = PlacementCause.Demand,
        ReplicaId = "atlas-large-r1",
        Model = "atlas-large",
        Version = "2026-10-01",
        Build = "hopper-fp8",
        Pool = "northwind-us-h100",
    };

    [Theory]
    [InlineData("", "", "")]
    [InlineData("  ", "", "")]
    [InlineData("vllm", "vllm", "")]
    [InlineData(" vllm  serve\t{weights} ", "vllm", "serve|{weights}")]
    [InlineData("sh -c 'exit 3; \"a\"' b", "sh", "-c|exit 3; \"a\"|b")]
    [InlineData("a \"b c\"d e", "a", "b cd|e")]
    [InlineData("a '' \"\" b", "a", "|" + "|b")]
    [InlineData("a 'open to the end", "a", "open to the end")]
    public void A_command_is_split_at_white_space_outside_quotes(string command, string program, string arguments)
    {
        (string found, var parts) = ReplicaOrder.Split(command);

        Assert.Equal((program, arguments), (found, string.Join('|', parts)));
    }

    [Fact]
    public void A_command_gets_its_placeholders_and_those_of_the_executor_stay()
    {
        FleetConfig fleet = With(e => e with { Environment = ["CUDA_VISIBLE_DEVICES={devices}", "NAME={replica}=x"] });

        ReplicaWanted order = ReplicaOrder.Of(Decision, fleet, Emulator)!;

        Assert.Equal("vllm", order.Program);
        Assert.Equal(
            ["serve", "{weights:weights}", "--served-model-name", "atlas-large", "--port", "{port}",
                "--tensor-parallel-size", "4"],
            order.Arguments);
        Assert.Equal("0,1,2,3", order.Environment["CUDA_VISIBLE_DEVICES"]);
        Assert.Equal("atlas-large-r1=x", order.Environment["NAME"]);
        Assert.Equal(("atlas-large-r1", "northwind-us-east", 4), (order.Id, order.Site, order.Resources.Accelerators));
        Assert.Equal((Backing.Real, "/metrics", 1_200_000L), (order.Backing, order.MetricsPath, order.StartTimeoutMs));
        Assert.Empty(order.Check());
    }

    [Fact]
    public void An_emulated_build_runs_the_emulator_with_the_model_as_the_fleet_has_it()
    {
        FleetConfig fleet = With(e => e with { Command = null, Emulated = new EmulatedEngineConfig { TimeScale = 50 } });

        ReplicaWanted order = ReplicaOrder.Of(Decision, fleet, Emulator)!;

        Assert.Equal(("/usr/bin/dotnet", Backing.Emulated), (order.Program, order.Backing));
        string line = string.Join(' ', order.Arguments);
        Assert.StartsWith("forebay.dll engine --port {port} --model atlas-large", line, StringComparison.Ordinal);
        Assert.Contains("--accelerator H100-SXM --accelerators-per-replica 4", line, StringComparison.Ordinal);
        Assert.Contains("--parameters-billion 120 --bytes-per-weight 1 ", line, StringComparison.Ordinal);
        Assert.Contains("--time-scale 50 --weights {weights:weights}", line, StringComparison.Ordinal);
        Assert.EndsWith("--active-parameters-billion 12", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_build_that_is_an_image_alone_is_left_out_and_never_ordered()
    {
        FleetConfig fleet = With(e => e with { Command = null, Image = "registry.example.com/vllm:1" });

        Assert.Null(ReplicaOrder.Of(Decision, fleet, Emulator));
        ModelVersionConfig version = ReplicaOrder.Runnable(fleet).Models[0].Versions[0];
        Assert.DoesNotContain(version.Builds, b => b.Id == "hopper-fp8");
        Assert.Contains(version.Builds, b => b.Id == "trainium-fp8");
        FleetConfig whole = PlacedFleet.Read();
        Assert.Same(whole, ReplicaOrder.Runnable(whole));
    }

    [Fact]
    public void What_the_fleet_no_longer_has_is_not_ordered()
    {
        FleetConfig fleet = PlacedFleet.Read();

        Assert.Null(ReplicaOrder.Of(Decision with { Pool = "gone" }, fleet, Emulator));
        Assert.Null(ReplicaOrder.Of(Decision with { Version = "gone" }, fleet, Emulator));
        Assert.Null(ReplicaOrder.Of(Decision with { Build = "gone" }, fleet, Emulator));
        Assert.Null(ReplicaOrder.Of(Decision with { Model = "gone" }, fleet, Emulator));
    }

    internal static FleetConfig With(Func<BuildEngineConfig, BuildEngineConfig> engine)
    {
        FleetConfig fleet = PlacedFleet.Read();
        ModelConfig model = fleet.Models[0];
        ModelVersionConfig version = model.Versions[0];
        ModelBuildConfig build = version.Builds[0];
        ModelBuildConfig changed = build with { Engine = engine(build.Engine) };
        return fleet with
        {
            Models =
            [
                model with { Versions = [version with { Builds = [changed, .. version.Builds[1..]] }] },
                .. fleet.Models[1..],
            ],
        };
    }
}

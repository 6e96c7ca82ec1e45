using System.Collections.Frozen;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Forebay.Core.Serving;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.UnitTests.Core.Fleet.Managed;

public sealed class FleetCompositionTests
{
    private static readonly FrozenSet<string> Known = AcceleratorCatalogue.BuiltIn.Names.ToFrozenSet();

    [Fact]
    public void Nothing_managed_leaves_the_file_as_it_is()
    {
        var whole = FleetComposition.Compose(SmallFleet.Wide, ManagedObjects.None, Known);

        Assert.Same(SmallFleet.Wide, whole.Config);
        Assert.Empty(whole.Problems);
    }

    [Fact]
    public void What_owners_manage_joins_the_file_and_may_refer_to_it_and_to_each_other()
    {
        ManagedObjects managed = ManagedObjects.None
            .With("partner/east", East)
            .With("replicas", new ManagedPart { Deployments = [Deployment("deep-east", "east-h100")] });

        var whole = FleetComposition.Compose(SmallFleet.Wide, managed, Known);

        Assert.Empty(whole.Problems);
        Assert.Equal(["north", "south", "east"], whole.Config.Providers.Select(p => p.Id));
        Assert.Equal("deep-east", whole.Config.Deployments[^1].Id);
        var model = FleetModel.Build(whole.Config, FrozenDictionary<string, Uri>.Empty);
        Assert.Equal("east", model.Deployments[^1].Provider.Id);
    }

    [Theory]
    [InlineData("north")]
    public void An_id_that_the_file_and_the_api_manage_is_told_with_both_and_what_to_do(string id)
    {
        ManagedObjects managed = ManagedObjects.None.With(
            "partner/other", new ManagedPart { Providers = [new() { Id = id }] });

        var whole = FleetComposition.Compose(SmallFleet.Wide, managed, Known);

        ConfigProblem problem = Assert.Single(whole.Problems);
        Assert.Equal("providers[0].id", problem.Path);
        Assert.Contains("the fleet file manages 'north', and so does partner/other", problem.Message, StringComparison.Ordinal);
        Assert.Contains("Take 'north' out of the file", problem.Fix, StringComparison.Ordinal);
        Assert.Same(SmallFleet.Wide, whole.Config);
    }

    [Fact]
    public void Two_owners_never_manage_one_object()
    {
        ManagedObjects managed = ManagedObjects.None
            .With("partner/a", East)
            .With("partner/b", new ManagedPart { Pools = [East.Pools[0]] });

        ConfigProblem problem = Assert.Single(
            FleetComposition.Compose(SmallFleet.Wide, managed, Known).Problems);

        Assert.Contains("partner/a manages 'east-h100' through the API, and so does partner/b", problem.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_rules_hold_for_the_whole_and_name_the_object_and_its_owner()
    {
        ManagedObjects managed = ManagedObjects.None.With("partner/east", East);
        FleetConfig without = SmallFleet.Wide with { Providers = [.. SmallFleet.Wide.Providers] };
        ManagedObjects broken = managed.With(
            "partner/east", East with { Sites = [East.Sites[0] with { Provider = "gone" }] });

        ConfigProblem[] problems = [.. FleetComposition.Compose(without, broken, Known).Problems];

        ConfigProblem unresolved = Assert.Single(problems, p => p.Path == "sites[east-1].provider");
        Assert.Contains("(managed by partner/east through the API)", unresolved.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_mixture_is_joined_whole_or_refused_with_every_clash()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var expected = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (DeploymentConfig d in SmallFleet.Wide.Deployments)
            {
                expected.Add(d.Id, "file");
            }

            ManagedObjects managed = ManagedObjects.None;
            int clashes = 0;
            for (int owner = 0; owner < 3; owner++)
            {
                string[] ids = [.. Enumerable.Range(0, random.Next(6)).Select(_ => $"d{random.Next(40)}").Distinct()];
                if (random.Next(8) == 0)
                {
                    ids = [.. ids, "deep-real"];
                }

                managed = managed.With($"o{owner}", new ManagedPart
                {
                    Deployments = [.. ids.Select(id => Deployment(id, "oslo-h100"))],
                });
                clashes += ids.Count(id => !expected.TryAdd(id, $"o{owner}"));
            }

            var whole = FleetComposition.Compose(SmallFleet.Wide, managed, Known);

            Assert.Equal(clashes, whole.Problems.Count);
            Assert.Equal(
                clashes == 0 ? expected.Keys.Order() : SmallFleet.Wide.Deployments.Select(d => d.Id).Order(),
                whole.Config.Deployments.Select(d => d.Id).Order());
        }
    }

    private static ManagedPart East => new()
    {
        Providers = [new() { Id = "east" }],
        Sites = [new() { Id = "east-1", Provider = "east", Country = "US", Jurisdiction = "us" }],
        Pools = [new() { Id = "east-h100", Site = "east-1", Accelerators = new() { Type = "H100-SXM", Count = Figure.Of(8) } }],
    };

    private static DeploymentConfig Deployment(string id, string pool) => new()
        {
            Id = id,
            Model = "deep",
            Pool = pool,
            AcceleratorsPerReplica = 1,
            Endpoint = new Uri("http://127.0.0.1:9"),
        };
}

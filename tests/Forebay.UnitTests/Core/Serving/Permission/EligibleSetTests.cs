using Forebay.Core.Fleet;
using Forebay.Core.Serving.Permission;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Permission;

public sealed class EligibleSetTests
{
    private static readonly EligibleSet All = new(SmallFleet.Build().Deployments);

    [Fact]
    public void A_part_is_found_once_for_each_key()
    {
        EligibleSet part = All.Of("deep", static (d, model) => d.Config.Model == model);

        Assert.Equal(["deep-real", "deep-cloud"], part.Deployments.Select(d => d.Id));
        Assert.Same(part, All.Of("deep", static (d, model) => d.Config.Model == model));
        Assert.NotSame(part, All.Of("swift", static (d, model) => d.Config.Model == model));
    }

    [Fact]
    public void A_part_that_is_all_of_it_is_the_same_set() =>
        Assert.Same(All, All.Of("any", static (_, _) => true));

    [Fact]
    public void Engines_of_the_fleet_are_one_account_and_providers_each_their_own()
    {
        Account cloud = All.Deployments.Single(d => d.Id == "deep-cloud").Account;

        Assert.Equal(new Account("south", "127.0.0.1:9", null), cloud);
        Assert.All(All.Deployments.Where(d => d.Id != "deep-cloud"), d => Assert.Same(Account.Engines, d.Account));
    }
}

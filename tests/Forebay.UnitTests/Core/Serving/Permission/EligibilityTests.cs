using System.Collections.Immutable;
using Forebay.Core.Audit.Residency;
using Forebay.Core.Capacity;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Permission;

public sealed class EligibilityTests
{
    private static readonly RoutingRequest Plain = new(RequestNeeds.None, 10, 10);

    /// <summary>However fleets, rules and masks fall, and in whatever order requests under old and new masks come: what
    /// is permitted is what an oracle of its own finds, and what the record of the decision proves.</summary>
    [Fact]
    public void What_is_permitted_is_what_every_rule_allows_and_the_record_proves_it()
    {
        int refusals = 0;
        var reasons = new HashSet<Reason>();
        for (int seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            var fleet = new RandomFleet(random);
            FleetModel model = fleet.Build();
            Tenant[] tenants = [.. model.Tenants];
            ExportDenials[] masks = [ExportDenials.None, fleet.Denials("m0", 1), fleet.Denials("m0", 2)];
            for (int i = 0; i < 60; i++)
            {
                ServedModel served = model.Models[random.Next(2)];
                PermissionRules rules = fleet.Rules(model, tenants[random.Next(tenants.Length)]);
                ExportDenials mask = masks[random.Next(masks.Length)];

                Permit permit = served.Eligibility.Police(rules, Plain, mask);

                Deployment[] resident = [.. served.Deployments.Where(d => Places(d).All(p => Resident(rules, p)))];
                Deployment[] expected =
                [
                    .. resident.Where(d => Places(d).All(p => Exported(served.Config.Export, p) && !Denied(mask, p))),
                ];
                Assert.Equal(expected, permit.Set.Deployments);
                Assert.All(model.Deployments, d =>
                {
                    Assert.Equal(expected.Contains(d), permit.Set.Permits(d));
                    Assert.All(Places(d), p => Assert.Equal(
                        Resident(rules, p) && Exported(served.Config.Export, p) && !Denied(mask, p),
                        PlaceCheck.Broken(At(permit.Context, served, p))!.Count == 0));
                });
                Assert.Equal(
                    expected.Length > 0 ? Reason.None
                        : served.Deployments.IsEmpty ? Reason.UpstreamUnavailable
                        : resident.Length > 0 ? Reason.ExportControl
                        : Reason.Residency,
                    permit.Reason);
                Assert.Same(permit, served.Eligibility.Police(rules, Plain, mask));
                refusals += expected.Length == 0 ? 1 : 0;
                reasons.Add(permit.Reason);
            }
        }

        Assert.True(refusals > 50);
        Assert.Superset(new HashSet<Reason> { Reason.None, Reason.ExportControl, Reason.Residency }, reasons);
    }

    [Fact]
    public void A_narrower_rule_never_permits_more()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var fleet = new RandomFleet(random);
            FleetModel model = fleet.Build();
            ServedModel served = model.Models[random.Next(2)];
            foreach (Tenant tenant in model.Tenants)
            {
                ImmutableArray<Deployment> wide = served.Eligibility
                    .Police(new PermissionRules(tenant.Residency), Plain, ExportDenials.None).Set.Deployments;

                PermissionRules rules = fleet.Rules(model, tenant);
                Permit narrow = served.Eligibility.Police(rules, Plain, fleet.Denials(served.Id, 1));

                Assert.Subset(wide.ToHashSet(), narrow.Set.Deployments.ToHashSet());
            }
        }
    }

    [Fact]
    public void Equal_sets_are_one_object_whatever_found_them()
    {
        FleetModel model = new RandomFleet(new Random(4)).Build();
        ServedModel served = model.Models.MaxBy(m => m.Deployments.Length)!;
        var all = new ResidencyPolicyConfig
        {
            Id = "all", Jurisdictions = ["*"], SiteKinds = [SiteKind.Region, SiteKind.Datacenter, SiteKind.Orbital],
        };
        var bare = new ExportDenials(served.Id, 7, 0, "test", false, [], [], []);

        Permit one = served.Eligibility.Police(new PermissionRules(all), Plain, ExportDenials.None);
        Permit other = served.Eligibility.Police(new PermissionRules(all with { Id = "also" }), Plain, bare);

        Assert.Same(one.Set, other.Set);
        Assert.NotEqual(one.Context.Hash, other.Context.Hash);
    }

    [Fact]
    public void A_kind_of_request_seen_before_costs_no_memory()
    {
        FleetModel model = new RandomFleet(new Random(4)).Build();
        ServedModel served = model.Models[0];
        var rules = new PermissionRules(model.FindTenant("tenant-1")!.Residency);
        for (int i = 0; i < 100; i++)
        {
            served.Eligibility.Police(rules, Plain, ExportDenials.None);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            served.Eligibility.Police(rules, Plain, ExportDenials.None);
        }

        // Not a byte a call; the runtime may take a few for itself.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 500);
    }

    [Fact]
    public void What_may_run_anywhere_serves_only_who_may_be_anywhere_it_may_run()
    {
        FleetModel model = FleetModel.Build(
            SmallFleet.Config with
            {
                Deployments =
                [
                    SmallFleet.Config.Deployments[1] with { Id = "regional" },
                    SmallFleet.Config.Deployments[1] with { Id = "everywhere", RunsIn = ["us", "eu"] },
                ],
            },
            new Dictionary<string, Uri>());
        ServedModel served = model.FindModel("deep")!;
        string[] For(ResidencyPolicyConfig? policy, ExportDenials? mask = null) =>
        [
            .. served.Eligibility.Police(new PermissionRules(policy), Plain, mask ?? ExportDenials.None).Set.Deployments
                .Select(d => d.Id),
        ];
        ExportDenials none = ExportDenials.None;

        Assert.Equal(["regional", "everywhere"], For(null));
        Assert.Equal(["regional"], For(new ResidencyPolicyConfig { Id = "us", Jurisdictions = ["us"] }));
        Assert.Equal(["regional", "everywhere"], For(new ResidencyPolicyConfig { Id = "both", Jurisdictions = ["us", "eu"] }));
        Assert.Equal(["regional"], For(null, none with { Version = 1, Jurisdictions = ["eu"] }));

        // Nobody tells in which country it ran: every denied one counts.
        Assert.Equal(["regional"], For(null, none with { Version = 2, Countries = ["FR"] }));
        Assert.Equal(
            Exclusion.TenantResidency,
            served.Eligibility.ExclusionOf(
                model.Deployments[1],
                new PermissionRules(new ResidencyPolicyConfig { Id = "us", Jurisdictions = ["us"] }),
                Plain,
                none));
    }

    /// <summary>Where a deployment may run; written anew, with none of the code under test.</summary>
    private static SiteConfig[] Places(Deployment d) => d.Config.RunsIn is not { } all ? [d.Site]
        : [.. all.Select(j => d.Site with { Jurisdiction = j, Country = null })];

    /// <summary>Written anew, with none of the code under test.</summary>
    private static bool Resident(PermissionRules rules, SiteConfig site)
    {
        bool In(ResidencyPolicyConfig p) => p.SiteKinds.Any(k => k == site.Kind)
            && p.Jurisdictions.Any(j => j == "*" || j == site.Jurisdiction);
        return (rules.Residency is null ? site.Kind != SiteKind.Orbital : In(rules.Residency))
            && (rules.KeyClass is null || In(rules.KeyClass.Policy))
            && (rules.DataClass is null || In(rules.DataClass.Policy))
            && (rules.Geography is null || rules.Geography.Id == "global"
                || (site.Kind != SiteKind.Orbital && site.Jurisdiction == rules.Geography.Id));
    }

    private static bool Exported(ExportRuleConfig? rule, SiteConfig site) => rule is null
        || !(rule.DenyJurisdictions.Any(j => j == site.Jurisdiction)
            || rule.DenySiteKinds.Any(k => k == site.Kind)
            || rule.DenyCountries.Any(c => site.Country is null || c == site.Country)
            || rule.OnlyJurisdictions?.All(j => j != site.Jurisdiction) == true
            || rule.OnlySiteKinds?.All(k => k != site.Kind) == true
            || rule.OnlyCountries?.All(c => c != site.Country) == true);

    private static bool Denied(ExportDenials mask, SiteConfig site) => mask.Everywhere
        || mask.Jurisdictions.Any(j => j == site.Jurisdiction)
        || mask.SiteKinds.Any(k => k == site.Kind)
        || mask.Countries.Any(c => site.Country is null || c == site.Country);

    private static PlaceEvidence At(PermissionContext context, ServedModel model, SiteConfig site) => new(
        "t", model.Id, PlaceRole.Last, context.Hash, context.Content, site.Id, site.Jurisdiction, site.Country ?? "",
        site.Kind.Word(), 1, default, default);
}

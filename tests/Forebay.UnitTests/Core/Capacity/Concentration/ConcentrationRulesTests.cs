using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Concentration;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Concentration;

/// <summary>Caps as the fleet file says them.</summary>
public sealed class ConcentrationRulesTests
{
    private static FleetFileResult Read(string group, string member) => new FleetFileReader(
        AcceleratorCatalogue.BuiltIn.Names.ToHashSet()).Read(
            $$"""
            version: 1
            server: {concentration: {window: month} }
            concentration_groups: [{{group}}]
            providers: [{id: p, concentration_groups: [{{member}}]}]
            """,
            "fleet.yaml");

    [Fact]
    public void Caps_are_read_and_only_tell_unless_they_say_more()
    {
        FleetFileResult read = Read(
            "{id: g, caps: {leased_share: {max: 0.4, action: constrain}, spend_share: {max: 0.5}}}", "g");

        Assert.Empty(read.Problems);
        ConcentrationCapsConfig caps = read.Config!.ConcentrationGroups[0].Caps!;
        Assert.Equal(new ConcentrationCapConfig { Max = 0.4, Action = CapAction.Constrain }, caps.LeasedShare);
        Assert.Equal(new ConcentrationCapConfig { Max = 0.5, Action = CapAction.Alert }, caps.SpendShare);
        Assert.Null(caps.ServedShare);
        Assert.Equal(ConcentrationWindow.Month, read.Config.Server.Concentration.Window);
    }

    [Theory]
    [InlineData("{id: g, caps: {}}", "g", "cap nothing")]
    [InlineData("{id: g, caps: {leased_share: {max: 0.4}}}", "", "no provider and no site is in it")]
    [InlineData("{id: g, caps: {leased_share: {max: 1}}}", "g", "max")]
    [InlineData("{id: g, caps: {leased_share: {action: constrain}}}", "g", "max")]
    [InlineData("{id: g, caps: {leased_share: {max: 0.4, action: stop}}}", "g", "action")]
    public void What_caps_nothing_or_nobody_is_told(string group, string member, string problem) =>
        Assert.Contains(
            Read(group, member).Problems, p => $"{p}".Contains(problem, StringComparison.Ordinal));
}

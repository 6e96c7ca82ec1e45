using Forebay.Core.Audit.Residency;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Xunit;

namespace Forebay.UnitTests.Core.Audit.Residency;

public sealed class ResidencyReportTests
{
    private static readonly ModelConfig Model = new()
    {
        Id = "m", ContextTokens = 1, MaxOutputTokens = 1, ParametersBillion = Figure.Of(1),
    };

    private static readonly PermissionContext EuOnly = PermissionContext.Of(
        Model,
        new PermissionRules(new ResidencyPolicyConfig { Id = "eu-only", Jurisdictions = ["eu"] }),
        new ExportDenials("m", 3, 0, "test", false, ["us"], [], []));

    [Fact]
    public void Each_request_is_proven_violating_unsent_or_without_evidence()
    {
        ResidencyReport report = ResidencyReport.Of(Evidence(
            21,
            At(EuOnly, "eu", 10),
            At(EuOnly, "us", 2),
            At(EuOnly, "us", 5) with { Role = PlaceRole.Earlier },
            At(EuOnly, "", 4) with { Role = PlaceRole.Unsent, Content = null },
            At(EuOnly, "", 3) with { Role = PlaceRole.Unknown, Content = null },
            At(EuOnly, "eu", 2) with { Content = null }));

        Assert.Equal(
            (10, 2, 4, 5, 5L), (report.Proven, report.Violating, report.Unsent, report.Unproven, report.EarlierAttempts));
        Assert.True(report.Reconciles);
        Assert.False(report.Clean);
        Assert.Equal(2, report.Violations.Count);
        Assert.All(report.Violations, v => Assert.Equal(
            ["tenant policy eu-only does not allow jurisdiction us", "export mask 3 denies jurisdiction us"], v.Broken));
        Assert.Equal(2, report.Gaps.Count);
        Assert.Equal(("eu-only", "eu", 10L, 0L), Of(report.Totals[0]));
        Assert.Equal(("eu-only", "us", 2L, 5L), Of(report.Totals[1]));
    }

    [Fact]
    public void An_attempt_that_failed_where_it_was_not_allowed_is_a_violation_too()
    {
        ResidencyReport report = ResidencyReport.Of(Evidence(
            1, At(EuOnly, "eu", 1), At(EuOnly, "us", 1) with { Role = PlaceRole.Earlier }));

        Assert.Equal((1L, 0L), (report.Proven, report.Violating));
        Assert.Single(report.Violations);
        Assert.False(report.Clean);
    }

    [Fact]
    public void A_request_missing_from_either_ledger_does_not_reconcile()
    {
        Assert.False(ResidencyReport.Of(Evidence(2, At(EuOnly, "eu", 1))).Clean);
        Assert.False(ResidencyReport.Of(Evidence(0, At(EuOnly, "eu", 1))).Clean);
        Assert.True(ResidencyReport.Of(Evidence(1, At(EuOnly, "eu", 1))).Clean);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("nonsense")]
    [InlineData("""{"format":2,"model":"m","residency":[]}""")]
    [InlineData("""{"format":1,"model":"m","residency":{}}""")]
    public void Rules_that_cannot_be_read_prove_nothing(string content)
    {
        var context = new PermissionContext(PermissionContext.HashOf(content), content);

        Assert.Equal(1, ResidencyReport.Of(Evidence(1, At(context, "eu", 1))).Unproven);
    }

    [Fact]
    public void Rules_that_were_altered_prove_nothing()
    {
        PermissionContext altered = EuOnly with { Content = EuOnly.Content.Replace("\"eu\"", "\"us\"") };

        Assert.Equal(1, ResidencyReport.Of(Evidence(1, At(altered, "us", 1))).Unproven);
    }

    [Fact]
    public void Rules_of_another_model_do_not_excuse()
    {
        Assert.Equal(1, ResidencyReport.Of(Evidence(1, At(EuOnly, "eu", 1) with { Model = "n" })).Violating);
    }

    private static (string, string, long, long) Of(ResidencyTotal t) =>
        (t.Policy, t.Jurisdiction, t.Requests, t.Earlier);

    private static ResidencyEvidence Evidence(long usage, params PlaceEvidence[] places) =>
        new(default, default, places, usage);

    private static PlaceEvidence At(PermissionContext context, string jurisdiction, long requests) => new(
        "acme", "m", PlaceRole.Last, context.Hash, context.Content, "s", jurisdiction, "DE", "region", requests,
        default, default);
}

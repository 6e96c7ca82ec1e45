using System.Collections.Frozen;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Providers;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Providers;

public sealed class AwsRulesTests
{
    private const string Profile = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

    private static readonly DeploymentConfig Bedrock = new()
    {
        Id = "b",
        Model = "deep",
        Pool = "dallas-api",
        Api = ProviderApi.Bedrock,
        Dialects = [Dialect.Anthropic],
        Aws = new AwsConfig { Region = "us-east-1" },
        Credential = "aws:default",
        UpstreamModel = Profile,
        RunsIn = ["us"],
    };

    [Fact]
    public void What_is_whole_has_no_problem()
    {
        Assert.Empty(Problems(Bedrock));
        Assert.Empty(Problems(Bedrock with { Credential = "env:BEDROCK_KEY", Dialects = [Dialect.Converse] }));
        Assert.Empty(Problems(Bedrock with { UpstreamModel = "anthropic.claude-v9:0", RunsIn = null }));
        Assert.Empty(Problems(Bedrock with { UpstreamModel = "global.anthropic.claude-v9:0", RunsIn = ["*"] }));
    }

    public static TheoryData<string, string> Wrong => new()
    {
        { "no aws", "aws: api is bedrock, but aws is not given" },
        { "aws elsewhere", "aws: aws is given, but api is direct" },
        { "no credential", "credential: api bedrock is called with credentials of AWS" },
        { "an identity elsewhere", "credential: credential is an AWS identity, but api is direct" },
        { "an identity of Google", "credential: credential is a Google identity" },
        { "openai", "dialects: " },
        { "two dialects", "dialects: 2 are listed" },
        { "a geography", "inference_geo: api bedrock has no inference_geo" },
        { "a profile", "runs_in: " },
        { "an ARN of a profile", "runs_in: " },
        { "an application's profile", "runs_in: " },
        { "anywhere", "runs_in: " },
        { "a region that is none", "aws.region: " },
        { "a profile without a name", "credential: this is not a reference" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_is_wrong_is_told_at_its_key(string which, string problem)
    {
        DeploymentConfig direct = Bedrock with
        {
            Api = ProviderApi.Direct, Aws = null, Credential = null, Endpoint = new Uri("http://127.0.0.1:9"),
        };
        DeploymentConfig deployment = which switch
        {
            "no aws" => Bedrock with { Aws = null, Endpoint = new Uri("http://127.0.0.1:9") },
            "aws elsewhere" => direct with { Aws = Bedrock.Aws },
            "no credential" => Bedrock with { Credential = null },
            "an identity elsewhere" => direct with { Credential = "aws:profile/x" },
            "an identity of Google" => Bedrock with { Credential = "google:adc" },
            "openai" => Bedrock with { Dialects = [Dialect.OpenAi] },
            "two dialects" => Bedrock with { Dialects = [Dialect.Anthropic, Dialect.Converse] },
            "a geography" => Bedrock with { InferenceGeo = "us" },
            "a profile" => Bedrock with { RunsIn = null },
            "an ARN of a profile" => Bedrock with
            {
                RunsIn = null, UpstreamModel = $"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{Profile}",
            },
            "an application's profile" => Bedrock with
            {
                RunsIn = null, UpstreamModel = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2",
            },
            "anywhere" => Bedrock with { UpstreamModel = "global.anthropic.claude-v9:0" },
            "a region that is none" => Bedrock with { Aws = new AwsConfig { Region = "Virginia" } },
            _ => Bedrock with { Credential = "aws:profile/" },
        };

        Assert.Contains(Problems(deployment), p => p.StartsWith(problem, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("us-east-1", "https://bedrock-runtime.us-east-1.amazonaws.com/")]
    [InlineData("us-gov-west-1", "https://bedrock-runtime.us-gov-west-1.amazonaws.com/")]
    [InlineData("cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/")]
    public void The_endpoint_follows_from_the_region(string region, string endpoint) => Assert.Equal(
        endpoint, ProviderEndpoint.Of(Bedrock with { Aws = new AwsConfig { Region = region } })!.AbsoluteUri);

    /// <summary>A reload that says the same keeps connections and credentials.</summary>
    [Fact]
    public void What_says_the_same_is_the_same()
    {
        static AwsConfig New() => new()
        {
            Region = "us-east-1", AllowBetas = ["a"], RefuseBetas = ["b"], AnthropicVersions = ["2026-10-21"],
        };
        (AwsConfig one, AwsConfig other) = (New(), New());

        Assert.Equal(one, other);
        Assert.Equal(one.GetHashCode(), other.GetHashCode());
        Assert.NotEqual(one, other with { RefuseBetas = [] });
        Assert.NotEqual(one, other with { AllowBetas = ["c"] });
        Assert.NotEqual(one, other with { Region = "us-east-2" });
    }

    /// <summary>What may run anywhere may run wherever it is denied.</summary>
    [Fact]
    public void A_place_that_may_be_anywhere_is_denied_by_any_denial()
    {
        SiteConfig site = SmallFleet.Config.Sites[0] with { Jurisdiction = "*", Country = null };
        ExportDenials denials = ExportDenials.None with { Jurisdictions = ["cn"] };

        Assert.False(ExportRule.Allows(new ExportRuleConfig { DenyJurisdictions = ["cn"] }, site));
        Assert.False(ExportRule.Allows(new ExportRuleConfig { OnlyJurisdictions = ["us"] }, site));
        Assert.False(ExportRule.Allows(denials, site));
        Assert.True(ExportRule.Allows(new ExportRuleConfig(), site));
        Assert.True(ExportRule.Allows(ExportDenials.None, site));
    }

    private static string[] Problems(DeploymentConfig deployment) =>
    [
        .. FleetValidator.Validate(
            SmallFleet.Config with { Deployments = [deployment] }, FrozenSet.Create("H100-SXM"))
            .Where(p => p.Path.StartsWith("deployments[", StringComparison.Ordinal))
            .Select(p => $"{p.Path[(p.Path.IndexOf('.') + 1)..]}: {p.Message}"),
    ];
}

using Forebay.Core.Config;

namespace Forebay.Core.Serving.Providers;

/// <summary>Where a model on Amazon Bedrock is, and what it takes.</summary>
public sealed record AwsConfig
{
    /// <summary>Stands for every beta.</summary>
    public const string AnyBeta = "*";

    [ConfigKey("The AWS region called, for which requests are signed. The endpoint follows from it where none is " +
        "given.", Required = true, Pattern = "[a-z]{2}(-[a-z]+)+-[0-9]{1,2}", Example = "us-east-1")]
    public required string Region { get; init; }

    [ConfigKey("Versions of Anthropic's API that the model takes as anthropic_version beside bedrock-2023-05-31: a " +
        "client's own is sent on where it is listed. Claude 4.7 and later take 2026-10-21.",
        Pattern = "[0-9]{4}-[0-9]{2}-[0-9]{2}", Example = "[2026-10-21]")]
    public string[] AnthropicVersions { get; init; } = [];

    [ConfigKey("Betas that are sent on beside those that Bedrock is known to take; * sends on every one. The others " +
        "are left out and named in x-forebay-dropped.", Pattern = @"\*|[A-Za-z0-9._-]{1,128}",
        Example = "[some-beta-2026-11-01]")]
    public string[] AllowBetas { get; init; } = [];

    [ConfigKey("Betas that are never sent on.", Pattern = "[A-Za-z0-9._-]{1,128}", Example = "[context-1m-2025-08-07]")]
    public string[] RefuseBetas { get; init; } = [];

    /// <summary>Where the region is called. China's partition has a domain of its own.</summary>
    public Uri Endpoint => new(
        $"https://bedrock-runtime.{Region}.{(Region.StartsWith("cn-", StringComparison.Ordinal)
            ? "amazonaws.com.cn" : "amazonaws.com")}");

    /// <summary>Whether both say the same: what is made from one may be kept for the other.</summary>
    public bool Equals(AwsConfig? other) => other is not null
        && Region == other.Region
        && AnthropicVersions.AsSpan().SequenceEqual(other.AnthropicVersions)
        && AllowBetas.AsSpan().SequenceEqual(other.AllowBetas)
        && RefuseBetas.AsSpan().SequenceEqual(other.RefuseBetas);

    public override int GetHashCode() => HashCode.Combine(Region, AnthropicVersions.Length, AllowBetas.Length);
}

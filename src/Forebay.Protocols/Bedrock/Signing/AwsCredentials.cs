namespace Forebay.Protocols.Bedrock;

/// <summary>An AWS access key. Says nothing of its secrets when it is printed.</summary>
/// <param name="accessKeyId">Names the key; stands in each request.</param>
/// <param name="secretAccessKey">Signs; never leaves.</param>
/// <param name="sessionToken">Goes with keys that expire; null for others.</param>
public sealed class AwsCredentials(string accessKeyId, string secretAccessKey, string? sessionToken)
{
    public string AccessKeyId { get; } = accessKeyId;

    public string SecretAccessKey { get; } = secretAccessKey;

    public string? SessionToken { get; } = sessionToken;

    public override string ToString() => AccessKeyId;
}

using System.Text.RegularExpressions;

namespace Forebay.Core.Serving.Providers;

/// <summary>What the names of models on Amazon Bedrock say.</summary>
public static partial class AwsModels
{
    /// <summary>Whether a model's name is that of an inference profile: a geography before the vendor, or an ARN of
    /// one.</summary>
    public static bool IsProfile(string model) =>
        model.Contains(":inference-profile/", StringComparison.Ordinal)
        || model.Contains(":application-inference-profile/", StringComparison.Ordinal)
        || ProfilePattern().IsMatch(model);

    /// <summary>Two letters are always a geography; no vendor's name is that short.</summary>
    [GeneratedRegex(@"^([a-z]{2}|apac|emea|amer|global|us-gov)\.[a-z0-9]+\.")]
    private static partial Regex ProfilePattern();
}

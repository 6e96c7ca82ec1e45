using Forebay.Core.Config;

namespace Forebay.Core.Serving.Providers;

/// <summary>Rules over deployments on Amazon Bedrock.</summary>
internal static class AwsRules
{
    /// <summary>The profile that may run wherever AWS has a region.</summary>
    private const string GlobalProfile = "global.";

    public static void Check(DeploymentConfig deployment, string path, List<ConfigProblem> problems)
    {
        bool isAws = deployment.Credential?.StartsWith(SecretReference.AwsPrefix, StringComparison.Ordinal) == true;
        if (deployment.Api != ProviderApi.Bedrock)
        {
            if (isAws)
            {
                problems.Add(new ConfigProblem(
                    $"{path}.credential",
                    $"credential is an AWS identity, but api is {deployment.Api.ToString().ToLowerInvariant()}",
                    "Use env:NAME or file:PATH, or set api: bedrock.") { OtherPath = $"{path}.api" });
            }

            return;
        }

        if (deployment.Aws is null)
        {
            problems.Add(new ConfigProblem(
                $"{path}.aws", "api is bedrock, but aws is not given", "Give aws: {region: ...}.")
            {
                OtherPath = $"{path}.api",
            });
        }

        if (deployment.Credential is null)
        {
            problems.Add(new ConfigProblem(
                $"{path}.credential",
                "api bedrock is called with credentials of AWS or with a key of Bedrock's",
                "Use aws:default for what the machine has, aws:profile/NAME, or env:NAME with a Bedrock API key."));
        }

        if (deployment.Dialects.Length > 1)
        {
            problems.Add(new ConfigProblem(
                $"{path}.dialects",
                $"{deployment.Dialects.Length} are listed, but a model on Bedrock is called in one",
                "List anthropic for Claude (InvokeModel), converse for any other model."));
        }

        CheckGeography(deployment, path, problems);
        CheckPlaces(deployment, path, problems);
    }

    private static void CheckGeography(DeploymentConfig deployment, string path, List<ConfigProblem> problems)
    {
        if (deployment.InferenceGeo is not null)
        {
            problems.Add(new ConfigProblem(
                $"{path}.inference_geo",
                "api bedrock has no inference_geo: where it runs is its region, or its inference profile",
                "Take it out; say with runs_in where it may run."));
        }
    }

    /// <summary>An inference profile runs requests in more than one region: without its places told, nothing says that
    /// a request may go there.</summary>
    private static void CheckPlaces(DeploymentConfig deployment, string path, List<ConfigProblem> problems)
    {
        string model = deployment.UpstreamModel ?? deployment.Model;
        if (deployment.RunsIn is null && AwsModels.IsProfile(model))
        {
            problems.Add(new ConfigProblem(
                $"{path}.runs_in",
                $"{Words.Quote(model)} is an inference profile, which runs requests in more than one region, but " +
                    "runs_in does not say where",
                "List every jurisdiction it may run in, as in runs_in: [us], or name the model itself."));
        }
        else if (deployment.RunsIn is { } places
            && model.StartsWith(GlobalProfile, StringComparison.Ordinal)
            && !places.Contains(ResidencyRule.AnyJurisdiction))
        {
            problems.Add(new ConfigProblem(
                $"{path}.runs_in",
                $"{Words.Quote(model)} runs requests wherever AWS has a region, but runs_in names only some places",
                $"Write runs_in: [\"{ResidencyRule.AnyJurisdiction}\"], or name a profile of one geography."));
        }
    }
}

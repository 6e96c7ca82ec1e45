using Forebay.Core.Capacity;
using Forebay.Core.Config;

namespace Forebay.Core.Serving.Providers;

/// <summary>Rules over what a deployment says of its provider's API: what must be there, what has no meaning, and where
/// a multi-region may run.</summary>
internal static class ProviderRules
{
    public static void Check(DeploymentConfig deployment, SiteConfig? site, string path, List<ConfigProblem> problems)
    {
        CheckBlocks(deployment, path, problems);
        CheckCredential(deployment, path, problems);
        CheckPlaces(deployment, site, path, problems);
        AwsRules.Check(deployment, path, problems);
        if (deployment is { Api: ProviderApi.Azure, Azure: { } azure })
        {
            CheckAzure(deployment, azure, path, problems);
        }

        if (deployment.InferenceGeo is not null && deployment.Api is ProviderApi.Vertex or ProviderApi.Azure)
        {
            problems.Add(new ConfigProblem(
                $"{path}.inference_geo",
                $"api {Word(deployment.Api)} has no inference_geo: where it runs is its location",
                "Take it out; say with runs_in where it may run."));
        }
    }

    /// <summary>Each provider's own block is there where it is called, and nowhere else.</summary>
    private static void CheckBlocks(DeploymentConfig deployment, string path, List<ConfigProblem> problems)
    {
        (string Key, bool IsGiven, ProviderApi Api)[] blocks =
        [
            ("google", deployment.Google is not null, ProviderApi.Vertex),
            ("aws", deployment.Aws is not null, ProviderApi.Bedrock),
            ("azure", deployment.Azure is not null, ProviderApi.Azure),
        ];
        foreach ((string key, bool isGiven, ProviderApi api) in blocks)
        {
            if (isGiven && deployment.Api != api)
            {
                problems.Add(new ConfigProblem(
                    $"{path}.{key}",
                    $"{key} is given, but api is {Word(deployment.Api)}",
                    $"Set api: {Word(api)}, or take {key} out.") { OtherPath = $"{path}.api" });
            }
        }

        if (deployment is { Api: ProviderApi.Vertex, Google: null })
        {
            problems.Add(new ConfigProblem(
                $"{path}.google",
                "api is vertex, but google is not given",
                "Give google: {project: ..., location: ...}.") { OtherPath = $"{path}.api" });
        }

        if (deployment.Api == ProviderApi.Azure && ProviderEndpoint.Of(deployment) is null)
        {
            problems.Add(new ConfigProblem(
                $"{path}.azure.resource",
                "api is azure, but neither azure.resource nor endpoint is given",
                "Give azure: {resource: NAME}, or the resource's own endpoint.") { OtherPath = $"{path}.api" });
        }
    }

    private static void CheckCredential(DeploymentConfig deployment, string path, List<ConfigProblem> problems)
    {
        bool isGoogle =
            deployment.Credential?.StartsWith(SecretReference.GooglePrefix, StringComparison.Ordinal) == true;
        if (deployment.Api == ProviderApi.Vertex && !isGoogle)
        {
            problems.Add(new ConfigProblem(
                $"{path}.credential",
                "api vertex is called with tokens of a Google identity",
                "Use google:file/PATH for a credential file, or google:adc for the machine's own."));
        }
        else if (deployment.Api != ProviderApi.Vertex && isGoogle)
        {
            problems.Add(new ConfigProblem(
                $"{path}.credential",
                $"credential is a Google identity, but api is {Word(deployment.Api)}",
                "Use env:NAME or file:PATH, or set api: vertex.") { OtherPath = $"{path}.api" });
        }
    }

    private static void CheckAzure(
        DeploymentConfig deployment, AzureConfig azure, string path, List<ConfigProblem> problems)
    {
        if (azure.ApiVersion is not null && deployment.Dialects.Contains(Dialect.Anthropic))
        {
            problems.Add(new ConfigProblem(
                $"{path}.azure.api_version",
                "api_version is given, but the deployment speaks anthropic, which has its version in a header",
                "Take it out, or make a deployment of its own for the OpenAI dialect."));
        }

        if (deployment.Endpoint is { IsAbsoluteUri: true } endpoint && endpoint.AbsolutePath.Trim('/').Length > 0)
        {
            problems.Add(new ConfigProblem(
                $"{path}.endpoint",
                $"the URL ends with {endpoint.AbsolutePath}, but api azure adds the path",
                $"Write {endpoint.GetLeftPart(UriPartial.Authority)}."));
        }

        if (azure.Entra is not { } entra)
        {
            if (deployment.Credential is null)
            {
                problems.Add(new ConfigProblem(
                    $"{path}.credential",
                    "api azure is called with a key or a token",
                    "Give credential: env:NAME with the resource's key, or azure.entra."));
            }

            return;
        }

        CheckEntra(deployment, entra, path, problems);
        UrlRules.Check($"{path}.azure.entra.authority", entra.Authority, UrlRules.Http, problems);
    }

    private static void CheckEntra(
        DeploymentConfig deployment, EntraConfig entra, string path, List<ConfigProblem> problems)
    {
        string[] given =
        [
            .. deployment.Credential is null ? (string[])[] : ["credential"],
            .. entra.CertificateFile is null ? (string[])[] : ["certificate_file"],
            .. entra.TokenFile is null ? (string[])[] : ["token_file"],
        ];
        if (entra.IsManagedIdentity && given.Length > 0)
        {
            problems.Add(new ConfigProblem(
                $"{path}.azure.entra.tenant",
                $"{string.Join(" and ", given)} prove a client, but no tenant is given",
                "Give tenant and client, or leave them all out for a managed identity."));
        }
        else if (!entra.IsManagedIdentity && given.Length != 1)
        {
            problems.Add(new ConfigProblem(
                $"{path}.azure.entra",
                given.Length == 0 ? "nothing proves the client" : $"{string.Join(" and ", given)} are given",
                "Give one of credential (the client's secret), certificate_file and token_file."));
        }

        if (entra is { Tenant: not null, Client: null })
        {
            problems.Add(new ConfigProblem(
                $"{path}.azure.entra.client",
                "tenant is given without client",
                "Give the application's id as client."));
        }
    }

    /// <summary>What may run in several places says which; what it says includes its site.</summary>
    private static void CheckPlaces(
        DeploymentConfig deployment, SiteConfig? site, string path, List<ConfigProblem> problems)
    {
        if (deployment is { Api: ProviderApi.Vertex, Google: { IsMultiRegion: true } google, RunsIn: null })
        {
            problems.Add(new ConfigProblem(
                $"{path}.runs_in",
                $"location {google.Location} runs requests in more than one region, but runs_in does not say where",
                "List every jurisdiction it may run in, as in runs_in: [us, eu]."));
        }

        if (deployment.RunsIn is { Length: 0 })
        {
            problems.Add(new ConfigProblem(
                $"{path}.runs_in",
                "the list is empty: it could run nowhere",
                "List the jurisdictions, or leave it out."));
        }

        if (site is not null && deployment.RunsIn is { Length: > 0 } places && !places.Contains(site.Jurisdiction)
            && !places.Contains(ResidencyRule.AnyJurisdiction))
        {
            problems.Add(new ConfigProblem(
                $"{path}.runs_in",
                $"runs_in leaves out {site.Jurisdiction}, the jurisdiction of its own site {site.Id}",
                $"Add {site.Jurisdiction}, or move the pool to a site that is in the list."));
        }
    }

    private static string Word(ProviderApi api) => api.ToString().ToLowerInvariant();
}

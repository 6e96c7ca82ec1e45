using System.Text;

namespace Forebay.FunctionalTests.Server;

/// <summary>A deployment of a fleet file, on a provider, site and pool of its own.</summary>
/// <param name="Id">Id of the deployment, and of what it stands on.</param>
/// <param name="Model">The model served.</param>
/// <param name="Endpoint">Where.</param>
/// <param name="More">Further keys, as YAML flow: <c>, timeouts: {connect_seconds: 1}</c>.</param>
internal sealed record TestDeployment(string Id, string Model, Uri Endpoint, string More = "");

/// <summary>The text of a fleet file over endpoints that a test started.</summary>
internal sealed record TestFleet(params IReadOnlyList<TestDeployment> Deployments)
{
    public IReadOnlyList<string> Tenants { get; init; } = ["acme"];

    /// <summary>Settings of the server, as YAML flow without braces.</summary>
    public string Server { get; init; } = "";

    /// <summary>Limits of every tenant, as YAML flow: <c>, requests_per_minute: 5</c>.</summary>
    public string Limits { get; init; } = "";

    /// <summary>Further lines at the end.</summary>
    public string Tail { get; init; } = "";

    public string ToYaml()
    {
        var text = new StringBuilder($"version: 1\nserver: {{{Server}}}\n");
        Section(text, "providers", Deployments, d => $"id: {d.Id}");
        Section(text, "sites", Deployments,
            d => $"id: {d.Id}, provider: {d.Id}, kind: region, country: US, jurisdiction: us");
        Section(text, "pools", Deployments, d => $"id: {d.Id}, site: {d.Id}, quota: {{requests_per_minute: 1000}}");
        Section(text, "models", Deployments.Select(d => d.Model).Distinct(),
            m => $"id: {m}, context_tokens: 100000, max_output_tokens: 8000, parameters_billion: 70, " +
                "prices: [{input: 3, output: 15}]");
        Section(text, "deployments", Deployments,
            d => $"id: {d.Id}, model: {d.Model}, pool: {d.Id}, endpoint: '{d.Endpoint}', " +
                $"dialects: [anthropic, openai]{d.More}");
        Section(text, "tiers", ["open"], t => $"id: {t}{Limits}");
        Section(text, "tenants", Tenants, t => $"id: {t}, tier: open");
        return text.Append(Tail).ToString();
    }

    /// <summary>Writes the file in one step, as editors and config maps do.</summary>
    public string Write(string path)
    {
        string fresh = path + ".new";
        File.WriteAllText(fresh, ToYaml());
        File.Move(fresh, path, overwrite: true);
        return path;
    }

    private static void Section<T>(StringBuilder text, string name, IEnumerable<T> items, Func<T, string> keys)
    {
        text.Append(name).Append(":\n");
        foreach (T item in items)
        {
            text.Append("  - {").Append(keys(item)).Append("}\n");
        }
    }
}

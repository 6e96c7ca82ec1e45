using Forebay.Control.FleetFile;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Xunit;

namespace Forebay.UnitTests.Control.FleetFile;

public sealed class FleetFileReaderTests
{
    [Fact]
    public void A_whole_fleet_is_bound_with_its_defaults()
    {
        FleetFileResult result = Fixture.Read(Fixture.Whole);

        Assert.Empty(Fixture.Lines(result));
        FleetConfig config = Assert.IsType<FleetConfig>(result.Config);
        Assert.Equal("north", config.Providers.Single().Id);
        Assert.Equal(16, config.Pools.Single().Accelerators!.Count.Low);
        Assert.Equal([Dialect.OpenAi], config.Deployments.Single().Dialects);
        Assert.Equal(256, config.Deployments.Single().MaxConcurrency);
        Assert.Null(config.Tenants.Single().Residency);
        FleetModel.Build(config, new Dictionary<string, Uri>());
    }

    [Fact]
    public void Every_kind_of_value_is_read()
    {
        FleetFileResult result = Fixture.Broken(
            "    accelerators_per_replica: 8",
            """
                accelerators_per_replica: 8
                dialects: [anthropic, openai]
                endpoint: https://10.0.0.7:8443/base
                credential: env:KEY
                timeouts: {connect_seconds: 0.5}
                cost:
                  - {input: 0.25, output: 1}
                  - {from: 2027-01-31, input: 0.2, output: 1e0}
            """);

        Assert.Empty(Fixture.Lines(result));
        DeploymentConfig deployment = result.Config!.Deployments.Single();
        Assert.Equal([Dialect.Anthropic, Dialect.OpenAi], deployment.Dialects);
        Assert.Equal(new Uri("https://10.0.0.7:8443/base"), deployment.Endpoint);
        Assert.Equal("env:KEY", deployment.Credential);
        Assert.Equal(0.5, deployment.Timeouts.ConnectSeconds);
        Assert.Equal(600, deployment.Timeouts.FirstByteSeconds);
        Assert.Equal(0.25m, deployment.Cost[0].Input);
        Assert.Equal(new DateOnly(2027, 1, 31), deployment.Cost[1].From);
    }

    [Fact]
    public void A_figure_is_a_number_or_a_range_with_its_source()
    {
        FleetFileResult result = Fixture.Broken(
            "count: 16", "count: {min: 8, max: 16, basis: reported, source: press}");

        Figure count = result.Config!.Pools.Single().Accelerators!.Count;
        Assert.Equal((8m, 16m, Basis.Reported, "press"), (count.Low, count.High, count.Basis, count.Source));
    }

    [Fact]
    public void Country_codes_that_look_like_other_things_stay_text()
    {
        Assert.Equal("NO", Fixture.Broken("country: US", "country: NO").Config!.Sites.Single().Country);
    }

    [Theory]
    // Unknown and repeated keys
    [InlineData("country: US", "contry: US",
        "6:5: sites[0].contry: there is no key 'contry' in sites[0]. Did you mean country?")]
    [InlineData("providers:", "provider:",
        "1:1: provider: there is no key 'provider' at the top of the file. Did you mean providers?")]
    [InlineData("country: US", "country: US\n    country: DE",
        "7:5: sites[0].country: country is given on line 6 already. Take one out.")]
    [InlineData("- id: atlas\n", "- idd: atlas\n",
        "13:5: models[0].idd: there is no key 'idd' in models[0]. Did you mean id?")]
    // Missing and empty
    [InlineData("    tier: build\n", "",
        "25:5: tenants[0].tier: tier is missing. Add it. Its limits and priority.")]
    [InlineData("type: H100-SXM, ", "",
        "11:19: pools[0].accelerators.type: type is missing. Add it, such as type: H100-SXM. Type in the "
            + "accelerator catalogue (docs/reference/accelerators.md).")]
    [InlineData("provider: north", "provider:",
        "5:5: sites[0].provider: there is no value. Give provider text.")]
    [InlineData("country: US", "country: US\n    name: ~",
        "7:5: sites[0].name: there is no value. Give one, or take the key out.")]
    // Wrong types
    [InlineData("context_tokens: 8000", "context_tokens: many",
        "14:21: models[0].context_tokens: expected a whole number, found 'many'. Write it with digits only.")]
    [InlineData("context_tokens: 8000", "context_tokens: 8000.5",
        "14:21: models[0].context_tokens: expected a whole number, found '8000.5'. Write it with digits only.")]
    [InlineData("context_tokens: 8000", "context_tokens: \"8000\"",
        "14:21: models[0].context_tokens: expected a whole number, found the quoted text '8000'. Take the quotes out.")]
    [InlineData("context_tokens: 8000", "context_tokens: 99999999999",
        "14:21: models[0].context_tokens: expected a whole number, found '99999999999'. Use at most 2147483647.")]
    [InlineData("context_tokens: 8000", "context_tokens: [8000]",
        "14:21: models[0].context_tokens: expected a whole number, found a list. Take the brackets or the hyphen out.")]
    [InlineData("parameters_billion: 8", "parameters_billion: big",
        "16:25: models[0].parameters_billion: expected a number or a mapping of value or min and max, found 'big'. "
            + "Write a number, or {min: 1, max: 2} for a range.")]
    [InlineData("parameters_billion: 8", "parameters_billion: 8\n    tools: yes",
        "17:12: models[0].tools: expected true or false, found 'yes'. Write true or false.")]
    [InlineData("parameters_billion: 8", "parameters_billion: 8\n    created: 31.05.2026",
        "17:14: models[0].created: expected a date, found '31.05.2026'. "
            + "Write it as year-month-day, such as 2026-05-31.")]
    [InlineData("parameters_billion: 8", "parameters_billion: 8\n    bytes_per_weight: .nan",
        "17:23: models[0].bytes_per_weight: expected a number, found '.nan'. "
            + "Write it with digits and a decimal point only.")]
    [InlineData("    accelerators_per_replica: 8", "    accelerators_per_replica: 8\n    dialects: anthropic",
        "22:15: deployments[0].dialects: expected a list, found 'anthropic'. Write it as [anthropic].")]
    [InlineData("    accelerators_per_replica: 8", "    accelerators_per_replica: 8\n    dialects: [antropic]",
        "22:16: deployments[0].dialects[0]: expected one of anthropic, openai, responses, converse, found 'antropic'. "
            + "Did you mean anthropic?")]
    [InlineData("    accelerators_per_replica: 8", "    accelerators_per_replica: 8\n    endpoint: 10.0.0.7",
        "22:15: deployments[0].endpoint: expected a URL, found a text. Write it whole, such as http://10.0.0.7:8000.")]
    [InlineData("  - id: north\n", "  id: north\n",
        "2:3: providers: expected a list, found a mapping. Write each entry on its own line, after a hyphen.")]
    [InlineData("{type: H100-SXM, count: 16}", "[H100-SXM]",
        "11:19: pools[0].accelerators: expected a mapping, found a list. "
            + "Take the hyphen or the brackets out: this is one thing, not several.")]
    [InlineData("{type: H100-SXM, count: 16}", "H100-SXM",
        "11:19: pools[0].accelerators: expected a mapping, found 'H100-SXM'. Write its keys below it, indented.")]
    // Rules find their place
    [InlineData("site: north-us", "site: north-su",
        "10:5: pools[0].site: no site is called 'north-su'. Did you mean north-us?")]
    [InlineData("max_output_tokens: 4000", "max_output_tokens: 9000",
        "15:5: models[0].max_output_tokens: max_output_tokens is 9000, above context_tokens, which is 8000. "
            + "Lower max_output_tokens or raise context_tokens.")]
    // What the file may not hold
    [InlineData("country: US", "country: !secret US",
        "6:14: the tag '!secret' means nothing here. Take the word that starts with ! out.")]
    [InlineData("country: US", "country: *us",
        "6:14: *us names no anchor before it. Define it with & first.")]
    [InlineData("country: US", "? [a, b]\n    : US\n    country: US",
        "6:7: a key must be a word. Write key: value.")]
    public void A_slip_is_reported_once_with_its_place_and_fix(string old, string replacement, string expected)
    {
        FleetFileResult result = Fixture.Broken(old, replacement);

        Assert.Equal("forebay.yaml:" + expected, string.Join('\n', Fixture.Lines(result)));
        Assert.Null(result.Config);
    }

    [Theory]
    [InlineData("", "1:1: the file is empty. See examples/small.yaml.")]
    [InlineData("# nothing\n", "1:1: the file is empty. See examples/small.yaml.")]
    [InlineData("---\n...\n", "1:1: the file is empty. See examples/small.yaml.")]
    [InlineData("[a]", "1:1: expected keys such as providers: and sites:, found a list. See examples/small.yaml.")]
    [InlineData("version: 1\n---\nversion: 1\n",
        "2:1: a second document starts here. Keep one document: take the --- line out.")]
    public void What_is_no_fleet_file_says_so(string text, string expected)
    {
        Assert.Equal("forebay.yaml:" + expected, string.Join('\n', Fixture.Lines(Fixture.Read(text))));
    }

    [Theory]
    [InlineData("providers:\n\t- id: north\n", 2, "Indent with spaces: YAML allows no tab there.")]
    [InlineData("providers: [\nsites: x", 2, "Check the indentation")]
    [InlineData("providers:\n  - id: \"north\n", 2, "Check")]
    [InlineData("a: b: c\n", 1, "Check the indentation")]
    public void A_syntax_error_names_its_line(string text, int line, string fix)
    {
        FleetFileProblem problem = Assert.Single(Fixture.Read(text).Problems);

        Assert.Equal(line, problem.Line);
        Assert.StartsWith("this is not YAML: ", problem.Message, StringComparison.Ordinal);
        Assert.StartsWith(fix, problem.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_problem_is_reported_in_one_pass_in_order_of_line()
    {
        FleetFileResult result = Fixture.Read(Fixture.Whole
            .Replace("country: US", "country: usa", StringComparison.Ordinal)
            .Replace("count: 16", "count: -1", StringComparison.Ordinal)
            .Replace("context_tokens: 8000", "context_tokens: x", StringComparison.Ordinal)
            .Replace("pool: north-h100", "pool: nowhere", StringComparison.Ordinal)
            .Replace("tier: build", "teir: build", StringComparison.Ordinal));

        Assert.Equal(
            [6, 11, 14, 20, 26],
            result.Problems.Select(p => p.Line).Distinct().ToArray());
        Assert.Equal(result.Problems.OrderBy(p => p.Line), result.Problems);
    }

    [Fact]
    public void A_section_that_cannot_be_read_does_not_set_off_every_reference_to_it()
    {
        Assert.Equal(
            ["forebay.yaml:3:1: site: there is no key 'site' at the top of the file. Did you mean sites?"],
            Fixture.Lines(Fixture.Broken("sites:", "site:")));
    }

    [Fact]
    public void A_pasted_secret_is_never_repeated()
    {
        const string Secret = "sk-ant-api03-abcdefghijklmnop";
        string[] forms =
        [
            $"credential: {Secret}", $"credential: \"{Secret}\"", $"credential: [{Secret}]",
            $"credential: env:{Secret}",
            $"endpoint: http://user:{Secret}@host", $"endpoint: http://host?key={Secret}",
            $"endpoint: http://us er:{Secret}@host", $"proxy: {Secret}", $"proxy: http://{Secret}@host",
        ];
        foreach (string form in forms)
        {
            FleetFileResult result = Fixture.Broken(
                "    accelerators_per_replica: 8", "    accelerators_per_replica: 8\n    " + form);

            Assert.NotEmpty(result.Problems);
            Assert.DoesNotContain(Secret, ProblemText.Format(result.Problems), StringComparison.Ordinal);
            Assert.All(result.Problems, p => Assert.Equal(22, p.Line));
        }
    }

    [Fact]
    public void Anchors_aliases_and_merge_keys_work()
    {
        FleetFileResult result = Fixture.Read(Fixture.Whole.Replace(
            "  - id: atlas-north\n",
            "  - {<<: &base {model: atlas, pool: north-h100, accelerators_per_replica: 4}, id: second}\n"
                + "  - id: third\n    <<: *base\n    accelerators_per_replica: 1\n"
                + "  - id: atlas-north\n",
            StringComparison.Ordinal));

        Assert.Empty(Fixture.Lines(result));
        Assert.Equal([4, 1, 8], result.Config!.Deployments.Select(d => d.AcceleratorsPerReplica));
    }

    [Fact]
    public void A_file_that_is_not_there_or_not_text_is_a_problem_like_any_other()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [.. "version: 1\n"u8, 0xFF, 0xFE]);
            FleetFileProblem problem = Assert.Single(Fixture.Reader.ReadFile(path).Problems);
            Assert.Equal((2, "the file is not UTF-8 text"), (problem.Line, problem.Message));

            File.WriteAllText(path, Fixture.Whole, System.Text.Encoding.UTF8);
            Assert.NotNull(Fixture.Reader.ReadFile(path).Config);

            File.WriteAllText(path, new string('#', FleetFileReader.MaxBytes + 1));
            Assert.Equal("the file is larger than 4 MiB", Fixture.Reader.ReadFile(path).Problems.Single().Message);
        }
        finally
        {
            File.Delete(path);
        }

        Assert.StartsWith(
            "there is no file", Fixture.Reader.ReadFile(path).Problems.Single().Message, StringComparison.Ordinal);
        Assert.Contains(
            "directory",
            Fixture.Reader.ReadFile(Path.GetTempPath()).Problems.Single().Message,
            StringComparison.Ordinal);
    }
}

using System.Text.Json;
using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;
using Forebay.TestKit;
using Xunit;
using YamlDotNet.RepresentationModel;
using YamlNode = YamlDotNet.RepresentationModel.YamlNode;

namespace Forebay.UnitTests.Control.FleetFile;

public sealed class FleetSchemaTests
{
    private static readonly JsonElement Schema = JsonDocument.Parse(FleetSchema.WriteJson()).RootElement;

    [Fact]
    public void The_reference_page_is_the_one_that_the_records_give()
    {
        string committed = File.ReadAllText(
            Path.Combine(SharedFiles.RepositoryRoot, "docs", "reference", "fleet-file.md"));

        Assert.True(
            committed == FleetReferencePage.Write(),
            "The page is out of date. Run: forebay schema --markdown > docs/reference/fleet-file.md");
    }

    [Theory]
    [MemberData(nameof(ExamplesTests.Files), MemberType = typeof(ExamplesTests))]
    public void Every_key_of_the_examples_is_in_the_schema_and_every_required_one_is_given(string file)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(Fixture.Example(file)));

        CheckNode(stream.Documents[0].RootNode, Schema, file);
    }

    [Fact]
    public void The_schema_names_words_as_the_reader_takes_them()
    {
        JsonElement dialects = Schema.GetProperty("$defs").GetProperty("deployment").GetProperty("properties")
            .GetProperty("dialects");

        Assert.Equal(
            ["anthropic", "openai", "responses", "converse"],
            dialects.GetProperty("items").GetProperty("enum").EnumerateArray().Select(w => w.GetString()));
        Assert.Equal("openai", dialects.GetProperty("default")[0].GetString());
    }

    [Fact]
    public void The_catalogue_holds_every_accelerator_that_the_tests_and_examples_name()
    {
        Assert.Subset(AcceleratorCatalogue.BuiltIn.Names.ToHashSet(), Fixture.Accelerators);
    }

    private static void CheckNode(YamlNode node, JsonElement schema, string path)
    {
        if (schema.TryGetProperty("$ref", out JsonElement reference))
        {
            schema = Schema.GetProperty("$defs").GetProperty(reference.GetString()!.Split('/')[^1]);
        }

        if (schema.TryGetProperty("anyOf", out JsonElement forms))
        {
            CheckNode(node, forms[node is YamlMappingNode ? 1 : 0], path);
            return;
        }

        switch (node)
        {
            case YamlMappingNode mapping:
                Assert.True(schema.TryGetProperty("properties", out JsonElement properties), $"{path} is no mapping");
                string[] given = [.. mapping.Children.Keys.Select(k => ((YamlScalarNode)k).Value!)];
                Assert.All(
                    schema.GetProperty("required").EnumerateArray(), r => Assert.Contains(r.GetString()!, given));
                foreach ((YamlNode key, YamlNode value) in mapping.Children)
                {
                    string name = ((YamlScalarNode)key).Value!;
                    Assert.True(properties.TryGetProperty(name, out JsonElement inner), $"{path}.{name} is not there");
                    CheckNode(value, inner, $"{path}.{name}");
                }

                break;
            case YamlSequenceNode list:
                Assert.True(schema.TryGetProperty("items", out JsonElement items), $"{path} is no list");
                foreach (YamlNode entry in list)
                {
                    CheckNode(entry, items, path);
                }

                break;
            default:
                CheckScalar(((YamlScalarNode)node).Value!, schema, path);
                break;
        }
    }

    private static void CheckScalar(string text, JsonElement schema, string path)
    {
        if (schema.TryGetProperty("enum", out JsonElement words))
        {
            Assert.Contains(text, words.EnumerateArray().Select(w => w.GetString()!));
            return;
        }

        string type = schema.GetProperty("type").GetString()!;
        Assert.True(type is "string" or "number" or "integer" or "boolean", $"{path} is a {type}");
        if (type is "number" or "integer")
        {
            double number = double.Parse(text);
            Assert.True(!schema.TryGetProperty("minimum", out JsonElement least) || number >= least.GetDouble(), path);
            Assert.True(!schema.TryGetProperty("maximum", out JsonElement most) || number <= most.GetDouble(), path);
        }
        else if (schema.TryGetProperty("pattern", out JsonElement pattern))
        {
            Assert.Matches(pattern.GetString()!, text);
        }
    }
}

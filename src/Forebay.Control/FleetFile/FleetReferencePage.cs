using System.Globalization;
using System.Text;
using Forebay.Core.Config;
using Forebay.Core.Fleet;

namespace Forebay.Control.FleetFile;

/// <summary>docs/reference/fleet-file.md, made from the records' declarations.</summary>
public static class FleetReferencePage
{
    private const string Head = """
        # The fleet file

        <!-- Generated from the records' ConfigKey texts: forebay schema --markdown > docs/reference/fleet-file.md -->

        One YAML document, `forebay.yaml` by convention, UTF-8, at most 4 MiB. `forebay validate FILE` reports every
        problem at once; `forebay schema > forebay.schema.json` writes a JSON Schema for editors.
        [How to write one](../guide/fleet.md).

        Keys are listed as they stand in the file. **Bold** keys must be given. Where a key names an id, the last column
        says of which section. A reload puts every change in force except those marked *restart*.

        """;

    /// <summary>The page, ending with a line break.</summary>
    public static string Write()
    {
        var page = new StringBuilder(Head.ReplaceLineEndings("\n"));
        ConfigShape top = ConfigShape.Of(typeof(FleetConfig));
        page.Append("\n## Top of the file\n\n");
        Table(page, top);
        foreach (ConfigShape shape in FleetSections.Nested())
        {
            page.Append($"\n## {FleetSections.NameOf(shape)}\n\n");
            Table(page, shape);
        }

        return page.ToString();
    }

    private static void Table(StringBuilder page, ConfigShape shape)
    {
        page.Append("| key | holds | default | meaning |\n|---|---|---|---|\n");
        foreach (ConfigProperty key in shape.Properties)
        {
            string name = key.Doc.Required ? $"**`{key.Name}`**" : $"`{key.Name}`";
            object? value = FleetSections.DefaultOf(shape, key);
            string standard = value is null ? "" : $"`{Show(key.Shape, value)}`";
            page.Append($"| {name} | {Form(key.Shape, key.Doc)} | {standard} | {Meaning(key)} |\n");
        }
    }

    private static string Form(ConfigShape shape, ConfigKeyAttribute doc)
    {
        string range = double.IsNaN(doc.Minimum) && double.IsNaN(doc.Maximum) ? "" : $", {KeyRules.RangeOf(doc)}";
        return shape.Kind switch
        {
            ConfigKind.List => $"list of {Form(shape.Element!, doc)}",
            ConfigKind.Mapping => Link(shape),
            ConfigKind.Figure => Link(shape) + range,
            ConfigKind.Choice => string.Join(", ", shape.Choices.Select(c => $"`{c.Word}`")),
            ConfigKind.Whole => "whole number" + range,
            ConfigKind.Number => "number" + range,
            ConfigKind.Flag => "`true`, `false`",
            ConfigKind.Date => "date",
            ConfigKind.Url => "URL",
            _ => doc.Secret ? "`env:NAME` or `file:PATH`" : "text",
        };
    }

    private static string Meaning(ConfigProperty key)
    {
        var text = new StringBuilder(key.Doc.Description);
        if (key.Doc.Pattern is { } pattern)
        {
            text.Append($" Form: `{pattern}`.");
        }

        if (key.Doc.Example is { } example)
        {
            text.Append($" Example: `{example}`.");
        }

        if (key.Doc.RefersTo is { } section)
        {
            text.Append($" Ids of `{section}`.");
        }

        if (key.Doc.NeedsRestart)
        {
            text.Append(" *Restart.*");
        }

        return text.Replace("|", "\\|").ToString();
    }

    private static string Link(ConfigShape shape) => $"[{FleetSections.NameOf(shape)}](#{FleetSections.NameOf(shape)})";

    private static string Show(ConfigShape shape, object value) => shape.Kind switch
    {
        ConfigKind.List => $"[{string.Join(", ", ((Array)value).Cast<object>().Select(v => Show(shape.Element!, v)))}]",
        ConfigKind.Choice => shape.WordOf(value),
        ConfigKind.Flag => (bool)value ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}

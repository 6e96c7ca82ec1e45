namespace Forebay.Core.Config;

/// <summary>The form of ids in the fleet file.</summary>
public static class Ids
{
    /// <summary>Lower-case letters, digits, dots, underscores and hyphens; at most 64; starts with a letter or digit.
    /// </summary>
    public const string Pattern = "[a-z0-9][a-z0-9._-]{0,63}";

    /// <summary>Model names may also hold upper case, colons, slashes and at signs, as vendors' names do.</summary>
    public const string ModelPattern = "[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}";

    /// <summary>A sentence that says what a key's pattern allows.</summary>
    public static string FormOf(ConfigKeyAttribute doc) => doc.Pattern switch
    {
        Pattern => "Use lower-case letters, digits, dots, underscores and hyphens; at most 64; start with a letter or "
            + "digit.",
        ModelPattern => "Use letters, digits and . _ : / @ -; at most 128; start with a letter or digit.",
        _ => $"It must match {doc.Pattern}" + (doc.Example is null ? "." : $", as in {doc.Example}."),
    };
}

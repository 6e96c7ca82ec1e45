namespace Forebay.Protocols.Json;

/// <summary>What the next JSON value is, told from its first byte.</summary>
internal enum JsonKind : byte
{
    /// <summary>No value starts here.</summary>
    None,
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

internal static class JsonKindText
{
    /// <summary>The kind as an error message names it.</summary>
    public static string Named(this JsonKind kind) => kind switch
    {
        JsonKind.Object => "an object",
        JsonKind.Array => "an array",
        JsonKind.String => "a string",
        JsonKind.Number => "a number",
        JsonKind.True or JsonKind.False => "a boolean",
        JsonKind.Null => "null",
        _ => "nothing",
    };
}

namespace Forebay.Protocols.Json;

/// <summary>Why a text is not JSON.</summary>
internal enum JsonFault : byte
{
    None,
    Truncated,
    ExpectedValue,
    ExpectedName,
    ExpectedColon,
    ExpectedCommaOrBrace,
    ExpectedCommaOrBracket,
    ControlCharacter,
    BadEscape,
    BadNumber,
    BadLiteral,
    TooDeep,
    TrailingText,
}

internal static class JsonFaultText
{
    public static string Sentence(this JsonFault fault) => fault switch
    {
        JsonFault.Truncated => "it ends early",
        JsonFault.ExpectedValue => "expected a value",
        JsonFault.ExpectedName => "expected a member name in double quotes",
        JsonFault.ExpectedColon => "expected ':' after a member name",
        JsonFault.ExpectedCommaOrBrace => "expected ',' or '}'",
        JsonFault.ExpectedCommaOrBracket => "expected ',' or ']'",
        JsonFault.ControlCharacter => "a control character inside a string must be escaped",
        JsonFault.BadEscape => "not a valid escape sequence",
        JsonFault.BadNumber => "not a valid number",
        JsonFault.BadLiteral => "expected true, false or null",
        JsonFault.TooDeep => $"nested deeper than {JsonCursor.MaxDepth} levels",
        JsonFault.TrailingText => "text after the end of the value",
        _ => "it is well-formed",
    };
}

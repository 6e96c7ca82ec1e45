namespace Forebay.Control.FleetFile;

/// <summary>A place in the file.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1.</param>
internal readonly record struct Place(int Line, int Column);

/// <summary>A node of the file with its place. An alias is the same node met again.</summary>
internal abstract class YamlNode(Place at)
{
    public Place At { get; } = at;
}

/// <summary>Text, a number or nothing.</summary>
internal sealed class YamlScalar(Place at, string text, bool quoted) : YamlNode(at)
{
    public string Text { get; } = text;

    /// <summary>Quoted or a block: always text.</summary>
    public bool Quoted { get; } = quoted;

    public bool IsNull => !Quoted && (Text is "" or "~" or "null" or "Null" or "NULL");
}

internal sealed class YamlList(Place at) : YamlNode(at)
{
    public List<YamlNode> Entries { get; } = [];
}

internal sealed class YamlMapping(Place at) : YamlNode(at)
{
    public List<(YamlScalar Key, YamlNode Value)> Entries { get; } = [];
}

/// <summary>Something that could not be read; its problem is reported already.</summary>
internal sealed class YamlUnread(Place at) : YamlNode(at);

namespace Forebay.Protocols;

/// <summary>A tool of a namespace, as the Responses dialect groups them; other dialects know one name only.</summary>
/// <param name="FlatName">The name that others are told, as it stands between the quotes of a JSON string.</param>
/// <param name="Namespace">The namespace, likewise.</param>
/// <param name="Name">The tool's own name, likewise.</param>
public sealed record NamespacedTool(
    ReadOnlyMemory<byte> FlatName, ReadOnlyMemory<byte> Namespace, ReadOnlyMemory<byte> Name);

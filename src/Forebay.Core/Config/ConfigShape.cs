using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Forebay.Core.Config;

/// <summary>What a key of the fleet file holds.</summary>
public enum ConfigKind : byte
{
    Mapping,
    List,
    Text,
    Whole,
    Number,
    Flag,
    Date,
    Url,
    Choice,
    Figure,
}

/// <summary>A key as the records declare it.</summary>
/// <param name="Name">The key in the file, snake_case.</param>
/// <param name="Property">The property it is bound to.</param>
/// <param name="Doc">What the record says of it.</param>
/// <param name="Shape">What it holds.</param>
public sealed record ConfigProperty(string Name, PropertyInfo Property, ConfigKeyAttribute Doc, ConfigShape Shape)
{
    /// <summary>The pattern that the whole text (of each entry, in a list) must match; null for any text.</summary>
    public Regex? Pattern { get; } =
        Doc.Pattern is null ? null : new Regex($@"\A(?:{Doc.Pattern})\z", RegexOptions.CultureInvariant);
}

/// <summary>
/// The form of the fleet file, read once from the records and their <see cref="ConfigKeyAttribute"/>s. The reader, the
/// generic rules, the JSON Schema and the reference page all work from it, so a key is described once.
/// </summary>
public sealed class ConfigShape
{
    private static readonly ConcurrentDictionary<Type, ConfigShape> Known = new();

    private readonly Lazy<ImmutableArray<ConfigProperty>> _properties;

    private ConfigShape(Type type)
    {
        Type = type;
        Kind = KindOf(type);
        Element = Kind == ConfigKind.List ? Of(type.GetElementType()!) : null;
        Choices = Kind == ConfigKind.Choice ? ChoicesOf(type) : [];
        _properties = new(() => Kind is ConfigKind.Mapping or ConfigKind.Figure ? PropertiesOf(type) : []);
    }

    /// <summary>The CLR type, without <see cref="Nullable{T}"/>.</summary>
    public Type Type { get; }

    public ConfigKind Kind { get; }

    /// <summary>What the entries of a list hold.</summary>
    public ConfigShape? Element { get; }

    /// <summary>The words a choice allows, with their values, in declaration order.</summary>
    public ImmutableArray<(string Word, object Value)> Choices { get; }

    /// <summary>The keys of a mapping or a figure, in declaration order.</summary>
    public ImmutableArray<ConfigProperty> Properties => _properties.Value;

    public static ConfigShape Of(Type type) =>
        Known.GetOrAdd(Nullable.GetUnderlyingType(type) ?? type, static t => new ConfigShape(t));

    /// <summary>Finds a key by its name in the file.</summary>
    public ConfigProperty? Find(string name) => Properties.FirstOrDefault(p => p.Name == name);

    /// <summary>The word that stands for a choice's value in the file.</summary>
    public string WordOf(object value) => Choices.First(c => c.Value.Equals(value)).Word;

    private static ConfigKind KindOf(Type type) =>
        type == typeof(string) ? ConfigKind.Text
        : type == typeof(int) || type == typeof(long) ? ConfigKind.Whole
        : type == typeof(double) || type == typeof(decimal) ? ConfigKind.Number
        : type == typeof(bool) ? ConfigKind.Flag
        : type == typeof(DateOnly) ? ConfigKind.Date
        : type == typeof(Uri) ? ConfigKind.Url
        : type == typeof(Figure) ? ConfigKind.Figure
        : type.IsEnum ? ConfigKind.Choice
        : type.IsArray ? ConfigKind.List
        : type.Namespace?.StartsWith("Forebay.", StringComparison.Ordinal) == true ? ConfigKind.Mapping
        : throw new NotSupportedException($"A fleet file cannot hold a {type}.");

    private static ImmutableArray<ConfigProperty> PropertiesOf(Type type) =>
    [
        .. type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            // What a section has of its own comes before what it shares with others.
            .OrderBy(p => p.DeclaringType == type ? 0 : 1)
            .ThenBy(p => p.MetadataToken)
            .Select(p => (Property: p, Doc: p.GetCustomAttribute<ConfigKeyAttribute>()))
            .Where(p => p.Doc is not null)
            .Select(p => new ConfigProperty(
                JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Property.Name),
                p.Property,
                p.Doc!,
                Of(p.Property.PropertyType))),
    ];

    private static ImmutableArray<(string, object)> ChoicesOf(Type type) =>
    [
        .. type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (
            f.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name
                ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(f.Name),
            f.GetValue(null)!)),
    ];
}

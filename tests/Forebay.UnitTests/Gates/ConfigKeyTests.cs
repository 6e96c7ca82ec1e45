using System.Reflection;
using System.Text.RegularExpressions;
using Forebay.Core.Config;
using Xunit;

namespace Forebay.UnitTests.Gates;

/// <summary>The fleet file's reader, schema and reference page are made from the attributes on its records.</summary>
public sealed class ConfigKeyTests
{
    /// <summary>Records that describe the fleet file: those called Config, and Figure.</summary>
    private static readonly Type[] ConfigTypes =
    [
        .. typeof(ConfigKeyAttribute).Assembly.GetTypes()
            .Where(t => t.Name.EndsWith("Config", StringComparison.Ordinal) || t == typeof(Figure)),
    ];

    private static IEnumerable<PropertyInfo> Keys =>
        ConfigTypes.SelectMany(t => t.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            .Where(p => p.CanWrite);

    private static string NameOf(PropertyInfo key) => $"{key.DeclaringType!.Name}.{key.Name}";

    [Fact]
    public void The_records_are_found() => Assert.True(ConfigTypes.Length > 10);

    [Fact]
    public void Every_key_is_documented() => Assert.Empty(
        Keys.Where(k => k.GetCustomAttribute<ConfigKeyAttribute>() is null).Select(NameOf));

    [Fact]
    public void Every_description_is_a_sentence() => Assert.Empty(
        Keys.Where(k => k.GetCustomAttribute<ConfigKeyAttribute>() is { } key
            && !(key.Description.EndsWith('.'))).Select(NameOf));

    [Fact]
    public void A_key_is_called_required_where_the_compiler_requires_it() => Assert.Empty(
        Keys.Where(k => k.GetCustomAttribute<ConfigKeyAttribute>() is { } key
            && key.Required != k.IsDefined(typeof(System.Runtime.CompilerServices.RequiredMemberAttribute)))
            .Select(NameOf));

    [Fact]
    public void Bounds_are_in_order_and_patterns_compile() => Assert.All(Keys, k =>
    {
        if (k.GetCustomAttribute<ConfigKeyAttribute>() is { } key)
        {
            Assert.False(key.Minimum > key.Maximum, $"{NameOf(k)}: minimum above maximum");
            Assert.NotNull(new Regex(key.Pattern ?? ""));
        }
    });
}

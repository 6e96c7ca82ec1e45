namespace Forebay.Core.Config;

/// <summary>
/// Documents one key of the fleet file where the record declares it. The reader, the JSON Schema and the reference page
/// are all made from these, so a key is described once. Keys are the property names in snake_case.
/// </summary>
/// <param name="description">What the key means, with its unit; one or two sentences.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ConfigKeyAttribute(string description) : Attribute
{
    public string Description { get; } = description;

    /// <summary>The key must be given.</summary>
    public bool Required { get; init; }

    /// <summary>Smallest value allowed, inclusive; NaN means no bound.</summary>
    public double Minimum { get; init; } = double.NaN;

    /// <summary>Largest value allowed, inclusive; NaN means no bound.</summary>
    public double Maximum { get; init; } = double.NaN;

    /// <summary>A regular expression that the whole text must match.</summary>
    public string? Pattern { get; init; }

    /// <summary>An example as it would stand in the file.</summary>
    public string? Example { get; init; }

    /// <summary>Name of the section whose ids this key (or each entry of this list) must name, such as <c>sites</c>.
    /// The validator checks every such reference.</summary>
    public string? RefersTo { get; init; }

    /// <summary>The value is a reference to a secret (<c>env:NAME</c> or <c>file:PATH</c>). No message ever shows it:
    /// it may be a secret pasted there by mistake.</summary>
    public bool Secret { get; init; }

    /// <summary>A change takes effect at the next start only; a reload says so.</summary>
    public bool NeedsRestart { get; init; }
}

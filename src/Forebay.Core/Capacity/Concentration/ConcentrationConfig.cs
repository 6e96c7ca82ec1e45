using Forebay.Core.Config;

namespace Forebay.Core.Capacity.Concentration;

/// <summary>What is concentrated.</summary>
public enum ConcentrationMeasure : byte
{
    /// <summary>Accelerators leased.</summary>
    Leased,

    /// <summary>Tokens served, prompts and answers.</summary>
    Served,

    /// <summary>US dollars spent: tokens at the provider's price, and committed capacity at its own.</summary>
    Spend,
}

/// <summary>What comes of a share above its cap.</summary>
public enum CapAction : byte
{
    /// <summary>People are told.</summary>
    Alert,

    /// <summary>People are told, and nothing more is placed in the group. Never moves a request, never widens where
    /// data may be.</summary>
    Constrain,
}

/// <summary>How much of the recorded past shares are taken over.</summary>
public enum ConcentrationWindow : byte
{
    Hour,
    Day,
    Month,
}

/// <summary>A cap on one share of a concentration group.</summary>
public sealed record ConcentrationCapConfig
{
    [ConfigKey("Largest share of the whole, above 0 and below 1.", Required = true, Minimum = 0.001, Maximum = 0.999)]
    public required double Max { get; init; }

    [ConfigKey("alert (tell) or constrain (tell, and place nothing more in the group).")]
    public CapAction Action { get; init; }
}

/// <summary>Caps on a concentration group; what is left out is not capped.</summary>
public sealed record ConcentrationCapsConfig
{
    [ConfigKey("On its share of the accelerators leased.")]
    public ConcentrationCapConfig? LeasedShare { get; init; }

    [ConfigKey("On its share of the tokens served.")]
    public ConcentrationCapConfig? ServedShare { get; init; }

    [ConfigKey("On its share of what is spent.")]
    public ConcentrationCapConfig? SpendShare { get; init; }

    /// <summary>The cap on a measure.</summary>
    public ConcentrationCapConfig? Of(ConcentrationMeasure measure) => measure switch
    {
        ConcentrationMeasure.Leased => LeasedShare,
        ConcentrationMeasure.Served => ServedShare,
        ConcentrationMeasure.Spend => SpendShare,
        _ => throw new ArgumentOutOfRangeException(nameof(measure), measure, "There is no such measure."),
    };
}

/// <summary>How concentration is watched.</summary>
public sealed record ConcentrationConfig
{
    [ConfigKey("Time over which served tokens and spend are taken for caps and metrics: hour, day or month (30 days).")]
    public ConcentrationWindow Window { get; init; } = ConcentrationWindow.Day;
}

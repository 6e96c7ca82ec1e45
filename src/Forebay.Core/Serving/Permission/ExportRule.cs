using Forebay.Core.Capacity;
using Forebay.Core.Config;

namespace Forebay.Core.Serving.Permission;

/// <summary>Where a model's weights may run, as the fleet file says. Fails closed: a site whose country is not told is
/// in every denied country and in none of the only ones.</summary>
public sealed record ExportRuleConfig
{
    [ConfigKey("Jurisdictions where the model may not run.", Pattern = Ids.Pattern)]
    public string[] DenyJurisdictions { get; init; } = [];

    [ConfigKey("Countries where it may not run (ISO 3166-1 alpha-2). A site that tells no country counts as each of " +
        "them.", Pattern = "[A-Z]{2}", Example = "[CN, RU]")]
    public string[] DenyCountries { get; init; } = [];

    [ConfigKey("Kinds of site where it may not run.")]
    public SiteKind[] DenySiteKinds { get; init; } = [];

    [ConfigKey("Jurisdictions where alone it may run; all when left out.", Pattern = Ids.Pattern)]
    public string[]? OnlyJurisdictions { get; init; }

    [ConfigKey("Countries where alone it may run; all when left out.", Pattern = "[A-Z]{2}", Example = "[US, DE]")]
    public string[]? OnlyCountries { get; init; }

    [ConfigKey("Kinds of site where alone it may run; all when left out.")]
    public SiteKind[]? OnlySiteKinds { get; init; }
}

/// <summary>
/// Where an operator has denied a model through the admin API. It stands beside the file's rule and can only deny
/// further: a place must be allowed by both, and neither ever changes the other.
/// </summary>
/// <param name="Model">The model's id.</param>
/// <param name="Version">Number of the change that made it, over all models; 0 where none ever was.</param>
/// <param name="ChangedUnixMs">Wall time of the change.</param>
/// <param name="Actor">Who made it, as in the audit log.</param>
/// <param name="Everywhere">Denied in every place.</param>
/// <param name="Jurisdictions">Denied jurisdictions, in order.</param>
/// <param name="Countries">Denied countries, in order.</param>
/// <param name="SiteKinds">Denied kinds of site, in order.</param>
public sealed record ExportDenials(
    string Model,
    long Version,
    long ChangedUnixMs,
    string Actor,
    bool Everywhere,
    IReadOnlyList<string> Jurisdictions,
    IReadOnlyList<string> Countries,
    IReadOnlyList<SiteKind> SiteKinds)
{
    /// <summary>Nothing was ever denied.</summary>
    public static ExportDenials None { get; } = new("", 0, 0, "", false, [], [], []);

    /// <summary>Whether it denies nothing.</summary>
    public bool IsEmpty => !Everywhere && Jurisdictions.Count == 0 && Countries.Count == 0 && SiteKinds.Count == 0;
}

/// <summary>Whether a model's weights may run at a site.</summary>
public static class ExportRule
{
    /// <summary>The file's rule and the operator's denials; both must allow it.</summary>
    public static bool Allows(ExportRuleConfig? file, ExportDenials api, SiteConfig site) =>
        Allows(file, site) && Allows(api, site);

    public static bool Allows(ExportRuleConfig? file, SiteConfig site) => file is null
        || (Array.IndexOf(file.DenyJurisdictions, site.Jurisdiction) < 0
            && (file.DenyJurisdictions.Length == 0 || !IsAnywhere(site))
            && Array.IndexOf(file.DenySiteKinds, site.Kind) < 0
            && (file.DenyCountries.Length == 0
                || (site.Country is { } denied && Array.IndexOf(file.DenyCountries, denied) < 0))
            && (file.OnlyJurisdictions is not { } jurisdictions
                || Array.IndexOf(jurisdictions, site.Jurisdiction) >= 0)
            && (file.OnlyCountries is not { } countries
                || (site.Country is { } country && Array.IndexOf(countries, country) >= 0))
            && (file.OnlySiteKinds is not { } kinds || Array.IndexOf(kinds, site.Kind) >= 0));

    public static bool Allows(ExportDenials api, SiteConfig site) => !api.Everywhere
        && !api.Jurisdictions.Contains(site.Jurisdiction, StringComparer.Ordinal)
        && (api.Jurisdictions.Count == 0 || !IsAnywhere(site))
        && !api.SiteKinds.Contains(site.Kind)
        && (api.Countries.Count == 0
            || (site.Country is { } country && !api.Countries.Contains(country, StringComparer.Ordinal)));

    /// <summary>Whether a place may be in any jurisdiction: then it is in each that is denied.</summary>
    private static bool IsAnywhere(SiteConfig site) => site.Jurisdiction == ResidencyRule.AnyJurisdiction;
}

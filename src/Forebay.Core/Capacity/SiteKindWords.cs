namespace Forebay.Core.Capacity;

/// <summary>What kind of place a site is, in the one word that the fleet file, records and reports share.</summary>
public static class SiteKindWords
{
    /// <summary><c>region</c>, <c>datacenter</c> or <c>orbital</c>.</summary>
    public static string Word(this SiteKind kind) => kind switch
    {
        SiteKind.Region => "region",
        SiteKind.Datacenter => "datacenter",
        SiteKind.Orbital => "orbital",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "A kind of site without a word."),
    };

    /// <summary>Reads the word.</summary>
    public static bool TryParse(string word, out SiteKind kind)
    {
        foreach (SiteKind known in (ReadOnlySpan<SiteKind>)[SiteKind.Region, SiteKind.Datacenter, SiteKind.Orbital])
        {
            if (word == known.Word())
            {
                kind = known;
                return true;
            }
        }

        kind = default;
        return false;
    }
}

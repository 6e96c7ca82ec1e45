using Forebay.Core.Capacity;
using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Usage;

/// <summary>Where a request was sent, and what permitted it. The place is written down as the fleet told it then.
/// </summary>
/// <param name="Context">The rules in force when it was sent; null for nowhere.</param>
/// <param name="Site">The site's id.</param>
/// <param name="Jurisdiction">Its jurisdiction.</param>
/// <param name="Country">Its country; empty where none is told.</param>
/// <param name="Kind">What kind of place it is.</param>
public readonly record struct ServedPlace(
    PermissionContext? Context, string Site, string Jurisdiction, string Country, SiteKind Kind)
{
    public static ServedPlace Of(SiteConfig site, PermissionContext context) =>
        new(context, site.Id, site.Jurisdiction, site.Country ?? "", site.Kind);
}

using Forebay.Core.Access;

namespace Forebay.Control.Admin;

/// <summary>Answers one call.</summary>
internal delegate Task AdminHandler(AdminCall call);

/// <summary>Who may call a route.</summary>
/// <param name="Role">The least role; null for everybody.</param>
/// <param name="OpenLocally">Callers on this machine need no token where the options allow it.</param>
internal readonly record struct RouteAccess(AdminRole? Role, bool OpenLocally = false)
{
    public static RouteAccess Everybody => new(null);

    public static RouteAccess Viewer => new(AdminRole.Viewer);

    public static RouteAccess ViewerOrLocal => new(AdminRole.Viewer, OpenLocally: true);

    public static RouteAccess Operator => new(AdminRole.Operator);

    public static RouteAccess Admin => new(AdminRole.Admin);
}

/// <summary>A route as shown to whoever asks what the server offers.</summary>
/// <param name="Method">HTTP method.</param>
/// <param name="Pattern">Path; <c>{id}</c> stands for one segment.</param>
/// <param name="Role">The least role; null for everybody.</param>
public sealed record AdminRouteInfo(string Method, string Pattern, AdminRole? Role);

/// <summary>One row of the table of routes.</summary>
internal sealed record AdminRoute(string Method, string Pattern, RouteAccess Access, AdminHandler Handler);

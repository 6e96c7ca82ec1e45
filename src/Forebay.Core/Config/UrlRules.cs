namespace Forebay.Core.Config;

/// <summary>Rules over URLs. A URL may hold a secret (user and password, query): those parts are never shown.</summary>
internal static class UrlRules
{
    public static readonly string[] Http = ["http", "https"];

    public static readonly string[] Proxy = ["http", "socks5"];

    /// <summary>Checks that a URL is absolute, of an allowed scheme, with a host, and without user, query and fragment.
    /// </summary>
    public static void Check(string path, Uri? url, string[] schemes, List<ConfigProblem> problems)
    {
        if (url is null)
        {
            return;
        }

        if (!url.IsAbsoluteUri || url.Host.Length == 0 || Array.IndexOf(schemes, url.Scheme) < 0)
        {
            string forms = string.Join(" or ", schemes.Select(s => s + "://"));
            problems.Add(new ConfigProblem(
                path, $"this is not a URL that starts with {forms}", $"Start it with {forms}."));
            return;
        }

        if (url.UserInfo.Length > 0)
        {
            problems.Add(new ConfigProblem(
                path,
                "the URL holds a user or password (not shown here)",
                "Take it out and renew it; give secrets as credential: env:NAME or file:PATH."));
        }

        if (url.Query.Length > 0 || url.Fragment.Length > 0)
        {
            problems.Add(new ConfigProblem(path, "the URL has a query or a fragment", "End it before ? or #."));
        }
    }
}

namespace Forebay.Control.FleetFile;

/// <summary>
/// Tells what a rule says because something could not be read from what it says of its own: a problem at, above or
/// below a place that could not be read is an echo, and would only hide the cause.
/// </summary>
internal sealed class EchoFilter
{
    private readonly HashSet<string> _unread = new(StringComparer.Ordinal);
    private readonly HashSet<string> _above = new(StringComparer.Ordinal);

    /// <param name="unread">Paths of what could not be read.</param>
    public EchoFilter(IEnumerable<string> unread)
    {
        foreach (string path in unread.Where(p => p.Length > 0))
        {
            _unread.Add(path);
            for (string at = Parent(path); at.Length > 0 && _above.Add(at); at = Parent(at))
            {
            }
        }
    }

    /// <summary>Whether a problem at this path is an echo. Cost: the depth of the path.</summary>
    public bool IsEcho(string path)
    {
        if (_above.Contains(path))
        {
            return true;
        }

        for (string at = path; at.Length > 0; at = Parent(at))
        {
            if (_unread.Contains(at))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The path one level up: <c>pools</c> for <c>pools[2]</c>; empty at the top.</summary>
    public static string Parent(string path) => path[..Math.Max(0, path.LastIndexOfAny(['.', '[']))];
}

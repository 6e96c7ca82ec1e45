using System.Globalization;
using Forebay.Control.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Forebay.Control.Admin;

/// <summary>Reads the query string parameter by parameter and gathers everything wrong with it, as
/// <see cref="BodyFields"/> does for bodies.</summary>
internal sealed class QueryFields(IQueryCollection query)
{
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly List<FieldProblem> _problems = [];

    public string? Text(string name)
    {
        _asked.Add(name);
        StringValues values = query[name];
        if (values.Count > 1)
        {
            Add(name, "is given more than once.", "Give it once.");
        }

        return values.Count == 0 || string.IsNullOrEmpty(values[^1]) ? null : values[^1];
    }

    public DateTimeOffset? Time(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        // A plus sign in a query is a space: take it for the offset that was meant.
        if (TimeText.TryParse(text.Replace(' ', '+'), out DateTimeOffset time))
        {
            return time;
        }

        Add(name, "is not a time.", "Give RFC 3339, such as 2026-11-22T00:00:00Z, or a day, such as 2026-11-22.");
        return null;
    }

    public long Number(string name, long absent, long minimum, long maximum)
    {
        if (Text(name) is not { } text)
        {
            return absent;
        }

        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && number >= minimum && number <= maximum)
        {
            return number;
        }

        Add(name, "is not a whole number in range.", $"Give {minimum} to {maximum}.");
        return absent;
    }

    public void Add(string field, string message, string fix) => _problems.Add(new FieldProblem(field, message, fix));

    /// <summary>Reports parameters nobody asked for; throws when anything is wrong.</summary>
    /// <exception cref="RefusedException">With every problem.</exception>
    public void Done()
    {
        foreach (string name in query.Keys.Where(k => !_asked.Contains(k)))
        {
            string known = string.Join(", ", _asked.Order(StringComparer.Ordinal));
            Add(name.Length <= 64 ? name : name[..64], "is not known here.", $"This call takes {known}.");
        }

        RefusedException.ThrowIfAny(_problems);
    }
}

using Forebay.Control.Errors;

namespace Forebay.Control.Access;

/// <summary>Rules that keys and tokens share.</summary>
internal static class AccessRules
{
    public const int MaxNameLength = 64;

    public static void CheckName(string name, List<FieldProblem> problems)
    {
        if (string.IsNullOrWhiteSpace(name))
        {
            problems.Add(new FieldProblem("name", "is empty.", "Say what it is for, such as ci or alice-laptop."));
        }
        else if (name.Length > MaxNameLength || name.Any(char.IsControl))
        {
            problems.Add(new FieldProblem(
                "name",
                $"has {name.Length} characters or holds control characters.",
                $"Send 1 to {MaxNameLength} printable characters."));
        }
    }

    public static void CheckExpiry(DateTimeOffset? expires, DateTimeOffset now, List<FieldProblem> problems)
    {
        if (expires <= now)
        {
            problems.Add(new FieldProblem(
                "expires",
                $"{expires:O} is not in the future; the server's clock says {now:O}.",
                "Send a later time, or leave it out for no expiry."));
        }
    }

    /// <summary>Whether something with these times can be used now.</summary>
    public static bool Usable(long? expiresUnixMs, long? revokedUnixMs, long nowUnixMs) =>
        !(revokedUnixMs <= nowUnixMs) && !(expiresUnixMs <= nowUnixMs);
}

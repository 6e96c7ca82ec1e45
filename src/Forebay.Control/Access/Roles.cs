using Forebay.Core.Access;

namespace Forebay.Control.Access;

/// <summary>The names of admin roles on the wire.</summary>
public static class Roles
{
    /// <summary>All names, in ascending order of power.</summary>
    public static IReadOnlyList<string> Names { get; } = ["viewer", "operator", "admin"];

    public static string NameOf(AdminRole role) => Names[(int)role];

    /// <summary>Reads a name; false for anything but the exact names.</summary>
    public static bool TryParse(string name, out AdminRole role)
    {
        for (int i = 0; i < Names.Count; i++)
        {
            if (Names[i] == name)
            {
                role = (AdminRole)i;
                return true;
            }
        }

        role = default;
        return false;
    }
}

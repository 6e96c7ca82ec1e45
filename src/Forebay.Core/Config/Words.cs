using System.Text;

namespace Forebay.Core.Config;

/// <summary>How values of the file are shown in messages.</summary>
public static class Words
{
    /// <summary>Quotes text of the file for a message: shortened, control characters as escapes, so that nothing in a
    /// file can drive the terminal it is shown on.</summary>
    public static string Quote(string text, int maxShown = 60)
    {
        var shown = new StringBuilder("'");
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (shown.Length > maxShown)
            {
                shown.Append("...");
                break;
            }

            if (Rune.IsControl(rune) || rune.Value is >= 0x2028 and <= 0x202E or >= 0x2066 and <= 0x2069)
            {
                shown.Append($"\\u{rune.Value:x4}");
            }
            else
            {
                shown.Append(rune);
            }
        }

        return shown.Append('\'').ToString();
    }

    /// <summary>A figure as the file would hold it.</summary>
    public static string Show(Figure figure) =>
        figure.Value is { } value ? $"{value}" : $"{figure.Min} to {figure.Max}";
}

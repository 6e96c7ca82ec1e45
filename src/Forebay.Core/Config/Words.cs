using System.Text;

namespace Forebay.Core.Config;

/// <summary>How values of the file are shown in messages.</summary>
public static class Words
{
    /// <summary>Quotes text of the file for a message, shortened and escaped.</summary>
    public static string Quote(string text, int maxShown = 60) =>
        text.Length <= maxShown ? $"'{Escape(text)}'" : $"'{Escape(text[..maxShown])}...'";

    /// <summary>Control and direction characters as escapes, so that nothing in a file can drive the terminal that its
    /// problems are shown on.</summary>
    public static string Escape(string text)
    {
        var shown = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Rune.IsControl(rune) || rune.Value is >= 0x2028 and <= 0x202E or >= 0x2066 and <= 0x2069)
            {
                shown.Append($"\\u{rune.Value:x4}");
            }
            else
            {
                shown.Append(rune);
            }
        }

        return shown.ToString();
    }

    /// <summary>A figure as the file would hold it.</summary>
    public static string Show(Figure figure) =>
        figure.Value is { } value ? $"{value}" : $"{figure.Min} to {figure.Max}";
}

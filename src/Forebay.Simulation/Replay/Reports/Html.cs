using System.Net;

namespace Forebay.Simulation.Replay.Reports;

/// <summary>Text inside HTML.</summary>
internal static class Html
{
    /// <summary>Whatever the text holds, it stays text: in an element or in a quoted attribute.</summary>
    public static string Escape(string text) => WebUtility.HtmlEncode(text);
}

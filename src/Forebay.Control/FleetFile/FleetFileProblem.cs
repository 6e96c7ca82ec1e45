using Forebay.Core.Config;

namespace Forebay.Control.FleetFile;

/// <summary>One thing wrong with a fleet file, where it stands and what to change.</summary>
/// <param name="File">Name of the file.</param>
/// <param name="Line">Line, from 1.</param>
/// <param name="Column">Column, from 1.</param>
/// <param name="Path">Key path, such as <c>pools[2].site</c>; empty for the file as a whole.</param>
/// <param name="Message">What is wrong, without a full stop.</param>
/// <param name="Fix">What to change, a sentence.</param>
public sealed record FleetFileProblem(string File, int Line, int Column, string Path, string Message, string Fix)
{
    /// <summary>A problem whose words may hold text of the file: what could drive a terminal is escaped.</summary>
    internal static FleetFileProblem At(string file, Place at, string path, string message, string fix) =>
        new(file, at.Line, at.Column, Words.Escape(path), Words.Escape(message), Words.Escape(fix));
}

namespace Forebay.Core.Config;

/// <summary>
/// One thing wrong with the configuration. Validation reports all of them at once.
/// </summary>
/// <param name="Path">Key path in the file, such as <c>pools[2].site</c>; the file reader turns it into a line.</param>
/// <param name="Message">What is wrong, naming the values involved.</param>
/// <param name="Fix">What to change.</param>
public sealed record ConfigProblem(string Path, string Message, string Fix)
{
    /// <summary>The other key, for a rule over two.</summary>
    public string? OtherPath { get; init; }
}

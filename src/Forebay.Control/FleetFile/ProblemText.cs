using System.Text;

namespace Forebay.Control.FleetFile;

/// <summary>Problems as text, in the form that editors and terminals link to the place.</summary>
public static class ProblemText
{
    /// <summary><c>forebay.yaml:12:5: pools[2].site: no site is called 'us-esat'. Did you mean us-east?</c></summary>
    public static string Format(FleetFileProblem problem)
    {
        var text = new StringBuilder($"{problem.File}:{problem.Line}:{problem.Column}: ");
        if (problem.Path.Length > 0)
        {
            text.Append(problem.Path).Append(": ");
        }

        text.Append(problem.Message).Append('.');
        return problem.Fix.Length == 0 ? text.ToString() : text.Append(' ').Append(problem.Fix).ToString();
    }

    /// <summary>All problems, one to a line.</summary>
    public static string Format(IEnumerable<FleetFileProblem> problems) =>
        string.Join('\n', problems.Select(Format));
}

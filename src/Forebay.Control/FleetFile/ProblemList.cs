namespace Forebay.Control.FleetFile;

/// <summary>Collects the problems of one file, up to a bound, so that a hostile file cannot fill the memory.</summary>
internal sealed class ProblemList(string file)
{
    public const int Most = 1000;

    private readonly List<FleetFileProblem> _problems = [];

    public int Count => _problems.Count;

    /// <summary>The problems so far, as they were found.</summary>
    public IReadOnlyList<FleetFileProblem> Found => _problems;

    public void Add(Place at, string path, string message, string fix)
    {
        if (_problems.Count < Most)
        {
            _problems.Add(FleetFileProblem.At(file, at, path, message, fix));
        }
        else if (_problems.Count == Most)
        {
            _problems.Add(new FleetFileProblem(
                file, int.MaxValue, 1, "", $"there are more than {Most} problems", "Fix these first."));
        }
    }

    /// <summary>In order of place; what concerns more than one place of the file comes last.</summary>
    public IReadOnlyList<FleetFileProblem> Sorted()
    {
        int lastLine = _problems.Where(p => p.Line != int.MaxValue).Select(p => p.Line).DefaultIfEmpty(1).Max();
        return
        [
            .. _problems.OrderBy(p => p.Line).ThenBy(p => p.Column)
                .Select(p => p.Line == int.MaxValue ? p with { Line = lastLine } : p),
        ];
    }
}

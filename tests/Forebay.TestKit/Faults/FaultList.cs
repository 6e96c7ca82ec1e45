using System.Text;

namespace Forebay.TestKit.Faults;

/// <summary>
/// The committed list of faults, <c>tests/faults/faults.txt</c>. A fault is a block of lines that each begin with a
/// word: <c>fault</c> its id, <c>says</c> the sentence, <c>in</c> a source file, <c>-</c> what to take out of it and
/// <c>+</c> what to put there (one line each or several in a row), <c>by</c> a test: project, class and method. Blocks
/// are kept apart by empty lines; <c>#</c> begins a heading.
/// </summary>
public static class FaultList
{
    public const string Path = "tests/faults/faults.txt";

    /// <summary>The list of this repository.</summary>
    public static IReadOnlyList<Fault> Load() =>
        Parse(File.ReadAllText(System.IO.Path.Combine(SharedFiles.RepositoryRoot, Path)));

    /// <exception cref="FormatException">A line is none of the list's; the message names it.</exception>
    public static IReadOnlyList<Fault> Parse(string text)
    {
        var faults = new List<Fault>();
        foreach (string block in text.ReplaceLineEndings("\n").Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            string[] lines = [.. block.Split('\n').Where(l => l.Length > 0 && l[0] != '#')];
            if (lines.Length > 0)
            {
                faults.Add(Read(lines));
            }
        }

        return faults;
    }

    /// <summary>The page that shows the list.</summary>
    public static string Page(IReadOnlyList<Fault> faults)
    {
        var page = new StringBuilder(
            $"""
            # Gateway faults

            {faults.Count} mistakes that the gateway could make. `tests/faults/run.sh` builds a copy of the source that
            holds all of them, each behind a switch, and runs the tests named here with each one switched on: at least one
            must fail, and all must pass with none. A fault that no test notices fails the run. This page is made from
            `tests/faults/faults.txt`; a test compares the two and checks that the text of each fault is still in the source.

            | fault | what goes wrong | where | noticed by |
            |---|---|---|---|

            """);
        foreach (Fault fault in faults)
        {
            IEnumerable<string> where = fault.Edits.Select(e => System.IO.Path.GetFileNameWithoutExtension(e.File));
            string tests = string.Join("<br>", fault.Tests.Select(t => $"`{t.Class}` {t.Method.Replace('_', ' ')}"));
            page.Append($"| `{fault.Id}` | {fault.Says} | {string.Join(", ", where.Distinct())} | {tests} |\n");
        }

        return page.ToString();
    }

    private static Fault Read(string[] lines)
    {
        string id = "";
        string says = "";
        var edits = new List<FaultEdit>();
        var tests = new List<FaultTest>();
        string previous = "";
        foreach (string line in lines)
        {
            int space = line.IndexOf(' ');
            string word = space < 0 ? line : line[..space];
            string rest = space < 0 ? "" : line[space..].Trim();
            switch (word)
            {
                case "fault":
                    id = rest;
                    break;
                case "says":
                    says = rest;
                    break;
                case "in":
                    edits.Add(new FaultEdit(rest, "", ""));
                    break;
                case "-" when edits.Count > 0:
                    edits[^1] = edits[^1] with { Before = Joined(edits[^1].Before, rest, previous == word) };
                    break;
                case "+" when edits.Count > 0:
                    edits[^1] = edits[^1] with { After = Joined(edits[^1].After, rest, previous == word) };
                    break;
                case "by" when rest.Split(' ') is [var project, var name] && name.Contains('.'):
                    int dot = name.LastIndexOf('.');
                    tests.Add(new FaultTest($"Forebay.{project}Tests", name[..dot], name[(dot + 1)..]));
                    break;
                default:
                    throw new FormatException($"{Path}: fault {id}: cannot read the line: {line}");
            }

            previous = word;
        }

        return new Fault(id, says, edits, tests);
    }

    private static string Joined(string lines, string line, bool goesOn) => goesOn ? $"{lines}\n{line}" : line;
}

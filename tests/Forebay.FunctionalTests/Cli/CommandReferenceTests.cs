using System.CommandLine;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Cli;

public sealed class CommandReferenceTests
{
    [Fact]
    public void Every_command_and_option_of_the_tree_is_in_the_reference()
    {
        string reference = File.ReadAllText(
            Path.Combine(SharedFiles.RepositoryRoot, "docs", "reference", "cli.md"));
        string[] missing = [.. Names(Program.BuildRoot(), "forebay").Distinct()
            .Where(n => !reference.Contains($"`{n}`", StringComparison.Ordinal))];

        Assert.Empty(missing);
    }

    private static IEnumerable<string> Names(Command command, string path)
    {
        foreach (Command child in command.Subcommands)
        {
            string name = $"{path} {child.Name}";
            yield return name;
            foreach (string option in child.Options.Select(o => o.Name))
            {
                yield return option;
            }

            foreach (string deeper in Names(child, name))
            {
                yield return deeper;
            }
        }
    }
}

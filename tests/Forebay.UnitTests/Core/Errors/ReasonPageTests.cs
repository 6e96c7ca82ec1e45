using Forebay.Core.Errors;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Core.Errors;

public sealed class ReasonPageTests
{
    [Fact]
    public void The_reference_page_is_what_the_table_says()
    {
        string path = Path.Combine(SharedFiles.RepositoryRoot, "docs", "reference", "errors.md");

        Assert.True(
            File.ReadAllText(path) == ReasonPage.Write(),
            $"docs/reference/errors.md is out of date; it should read:\n{ReasonPage.Write()}");
    }
}

using Forebay.Protocols;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

public sealed class TranslationPageTests
{
    [Fact]
    public void The_reference_page_is_what_the_table_says()
    {
        string path = Path.Combine(SharedFiles.RepositoryRoot, "docs", "reference", "translation.md");

        Assert.True(
            File.Exists(path) && File.ReadAllText(path) == TranslationPage.Write(),
            $"docs/reference/translation.md is out of date; it should read:\n{TranslationPage.Write()}");
    }
}

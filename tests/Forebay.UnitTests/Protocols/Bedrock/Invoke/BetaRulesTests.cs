using Forebay.Protocols.Bedrock;
using Xunit;

namespace Forebay.UnitTests.Protocols.Bedrock.Invoke;

public sealed class BetaRulesTests
{
    [Fact]
    public void Known_betas_go_on_once_and_the_rest_is_named()
    {
        IReadOnlyList<string> sent = new BetaRules([], []).Select(
            ["context-1m-2025-08-07, claude-code-20250219", "context-1m-2025-08-07,,oauth-2025-04-20 ,claude-code-20250219"],
            out IReadOnlyList<string>? dropped);

        Assert.Equal(["context-1m-2025-08-07"], sent);
        Assert.Equal(["claude-code-20250219", "oauth-2025-04-20"], dropped!);
    }

    [Fact]
    public void What_is_allowed_goes_on_and_what_is_refused_never_does()
    {
        var rules = new BetaRules(["new-thing-2027-01-01"], ["context-1m-2025-08-07"]);

        Assert.Equal(
            ["new-thing-2027-01-01"],
            rules.Select(["new-thing-2027-01-01,context-1m-2025-08-07"], out IReadOnlyList<string>? dropped));
        Assert.Equal(["context-1m-2025-08-07"], dropped!);
        Assert.Equal(["anything"], new BetaRules(["*"], ["this"]).Select(["this,anything"], out _));
    }

    [Fact]
    public void One_that_Bedrock_names_otherwise_goes_by_its_name_there()
    {
        Assert.Equal(
            ["tool-search-tool-2025-10-19"],
            new BetaRules([], []).Select(["advanced-tool-use-2025-11-20,tool-search-tool-2025-10-19"], out _));
        Assert.Empty(new BetaRules([], ["advanced-tool-use-2025-11-20"]).Select(["advanced-tool-use-2025-11-20"], out _));
    }

    /// <summary>Names become part of a body: nothing that could end a string gets there.</summary>
    [Fact]
    public void What_is_no_name_is_left_out_without_a_trace()
    {
        Assert.Empty(new BetaRules(["*"], []).Select(["a\"b, c\\d, é, {}"], out IReadOnlyList<string>? dropped));
        Assert.Null(dropped);
    }
}

using System.Text.RegularExpressions;
using Forebay.Core.Errors;
using Xunit;

namespace Forebay.UnitTests.Gates;

public sealed partial class ReasonTableTests
{
    [Fact]
    public void Every_reason_has_exactly_one_row_in_its_order() => Assert.Equal(
        Enum.GetValues<Reason>().Where(r => r != Reason.None),
        ReasonTable.Rows.Select(r => r.Reason));

    [Fact]
    public void Looking_a_reason_up_gives_its_own_row() =>
        Assert.All(ReasonTable.Rows, row => Assert.Same(row, ReasonTable.For(row.Reason)));

    [Fact]
    public void Labels_are_unique_snake_case_and_follow_the_names()
    {
        Assert.Distinct(ReasonTable.Rows.Select(r => r.Label));
        Assert.All(ReasonTable.Rows, row => Assert.Equal(SnakeCase(row.Reason), row.Label));
        Assert.Equal("none", ReasonTable.LabelOf(Reason.None));
    }

    [Fact]
    public void Every_failure_looks_like_a_failure_in_both_dialects() => Assert.All(ReasonTable.Rows, row =>
    {
        // 529 is Anthropic's own for overload; OpenAI clients do not know it.
        Assert.InRange(row.AnthropicStatus, 400, 599);
        Assert.InRange(row.OpenAiStatus, 400, 528);
        Assert.Matches("^[a-z_]+$", row.AnthropicType);
        Assert.Matches("^[a-z_]+$", row.OpenAiType);
    });

    [Fact]
    public void What_a_retry_cannot_cure_is_never_advised_to_be_retried() => Assert.All(
        ReasonTable.Rows.Where(r => r.AnthropicStatus is 400 or 401 or 403 or 404 or 405 or 413 or 415),
        row => Assert.NotEqual(RetryAdvice.Retry, row.Retry));

    private static string SnakeCase(Reason reason) => WordStart().Replace($"{reason}", "_$1").ToLowerInvariant();

    [GeneratedRegex("(?<!^)([A-Z])")]
    private static partial Regex WordStart();
}

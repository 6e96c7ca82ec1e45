using System.Text;
using Forebay.Simulation.Replay.Answers;
using Xunit;

namespace Forebay.UnitTests.Simulation.Replay.Answers;

public sealed class ErrorEnvelopeTests
{
    [Theory]
    [InlineData("""{"type":"error","error":{"type":"rate_limit_error","message":"m"}}""", "rate_limit_error")]
    [InlineData("""{"error":{"type":"requests","code":"rate_limit_exceeded","message":"m"}}""", "rate_limit_exceeded")]
    [InlineData("""{"error":{"type":"server_error","code":null,"message":"m"}}""", "server_error")]
    public void Either_dialect_is_understood(string body, string kind) =>
        Assert.Equal(new ErrorEnvelope(kind, "m"), ErrorEnvelope.Parse(Encoding.UTF8.GetBytes(body)));

    [Theory]
    [InlineData("")]
    [InlineData("<html>Bad gateway</html>")]
    [InlineData("[]")]
    [InlineData("""{"error":"text"}""")]
    [InlineData("""{"error":{"message":"m"}}""")]
    public void Anything_else_is_not_an_envelope(string body) =>
        Assert.Null(ErrorEnvelope.Parse(Encoding.UTF8.GetBytes(body)));

    [Fact]
    public void Words_of_strangers_are_cut_to_one_short_line()
    {
        string excerpt = ErrorEnvelope.Excerpt(Encoding.UTF8.GetBytes("a\nb\r\n" + new string('x', 1000)));

        Assert.StartsWith("a b x", excerpt, StringComparison.Ordinal);
        Assert.Equal(300, excerpt.Length);
    }
}

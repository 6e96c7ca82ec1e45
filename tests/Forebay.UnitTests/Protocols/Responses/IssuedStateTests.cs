using System.Text;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Responses;

public sealed class IssuedStateTests
{
    private static List<string> Read(string text, bool events)
    {
        var found = new List<string>();
        IssuedState.Sink sink = value => found.Add(Encoding.UTF8.GetString(value));
        if (events)
        {
            IssuedState.ReadEvents(Encoding.UTF8.GetBytes(text), sink);
        }
        else
        {
            IssuedState.ReadAnswer(Encoding.UTF8.GetBytes(text), sink);
        }

        return found;
    }

    [Theory]
    [InlineData("""{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"a\u002Bb\/c=="}}""", "a+b/c==")]
    [InlineData("""{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"ab"}}""", "ab")]
    [InlineData("""{"type":"message_delta","delta":{"container":{"id":"container_1","expires_at":"x"}}}""", "container_1")]
    [InlineData("""{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}""", null)]
    [InlineData("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a \"signature\": \"x\""}}""", null)]
    [InlineData("""{"type":"message_start","message":{"id":"msg_1","container":null}}""", null)]
    public void Events_tell_what_was_issued(string data, string? issued) => Assert.Equal(
        issued is null ? [] : [issued], Read($"event: x\ndata: {data}\n\nevent: ping\ndata: {{}}\n\n", events: true));

    [Fact]
    public void A_whole_answer_tells_all_of_it_but_what_tools_are_called_with() => Assert.Equal(
        ["c1", "s1", "d1"],
        Read(
            """
            {"id":"msg_1","container":{"id":"c1"},"content":[{"type":"thinking","thinking":"Hm","signature":"s1"},
              {"type":"redacted_thinking","data":"d1"},
              {"type":"tool_use","id":"t","name":"n","input":{"signature":"x","data":"y"}}]}
            """,
            events: false));

    [Theory]
    [InlineData("\"signature")]
    [InlineData("{\"signature\":\"x")]
    [InlineData("data: {\"signature\":")]
    public void What_is_not_json_tells_nothing(string text) => Assert.Empty(Read(text, events: false));
}

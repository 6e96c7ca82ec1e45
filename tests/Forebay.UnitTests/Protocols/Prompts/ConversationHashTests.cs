using System.Text;
using Forebay.Protocols;
using Forebay.Protocols.Prompts;
using Xunit;

namespace Forebay.UnitTests.Protocols.Prompts;

public sealed class ConversationHashTests
{
    private static ulong? Of(string messages, string before = "", ulong salt = 1)
    {
        byte[] body = Encoding.UTF8.GetBytes($$"""{"model":"m","max_tokens":5,{{before}}"messages":[{{messages}}]}""");
        Assert.True(RequestReader.TryRead(WireDialect.Anthropic, body, countTokens: false, out RequestFacts facts, out _));
        return ConversationHash.Of(in facts, body, salt);
    }

    private static string User(string text) => $$"""{"role":"user","content":"{{text}}"}""";

    private static string Assistant(string text) => $$"""{"role":"assistant","content":"{{text}}"}""";

    [Fact]
    public void A_conversation_keeps_its_hash_through_its_turns_whatever_stands_around_it()
    {
        ulong? first = Of(User("What is a forebay?"));

        Assert.NotNull(first);
        Assert.Equal(first, Of(User("What is a forebay?") + "," + Assistant("A basin.") + "," + User("Where?")));
        Assert.Equal(first, Of(User("What is a forebay?"), """ "system":"It is Monday.","""));
        Assert.Equal(first, Of("""{"content":[{"type":"text","text":"What is a forebay?"}],"role":"user"}"""));
        Assert.Equal(first, Of("""
            {"role":"user","content":[
                {"type":"text","text":"What is a forebay?","cache_control":{"type":"ephemeral"}}]}
            """));
        Assert.Equal(first, Of(Assistant("Hello.") + "," + User("What is a forebay?")));
    }

    [Fact]
    public void Conversations_and_tenants_are_told_apart()
    {
        Assert.NotEqual(Of(User("One")), Of(User("Two")));
        Assert.NotEqual(Of(User("One")), Of(User("One"), salt: 2));
        Assert.NotEqual(
            Of("""{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}"""),
            Of("""{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"BBBB"}}]}"""));
        Assert.NotEqual(ConversationHash.OfName("a", 1), ConversationHash.OfName("b", 1));
    }

    [Fact]
    public void Where_no_user_wrote_anything_there_is_none() => Assert.Null(Of(Assistant("Hello.")));
}

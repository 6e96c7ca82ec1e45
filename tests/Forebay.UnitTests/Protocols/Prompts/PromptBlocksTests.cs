using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Protocols.Prompts;

public sealed class PromptBlocksTests
{
    private static readonly string Long = string.Concat(Enumerable.Range(0, 100).Select(i => $"word{i} "));

    private static ulong[] Hash(string body, ulong salt = 1, int room = 10_000)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        bool good = RequestReader.TryRead(
            WireDialect.Anthropic, bytes, true, out RequestFacts facts, out RequestProblem problem);
        Assert.True(good, problem.Message);
        var hashes = new ulong[room];
        return hashes[..PromptBlocks.Hash(facts, bytes, salt, hashes)];
    }

    private static string Body(string messages, string others = "") =>
        $$"""{"model":"m","messages":[{{messages}}]{{others}}}""";

    private static string User(string text) => $$"""{"role":"user","content":{{JsonSerializer.Serialize(text)}}}""";

    private static int Shared(ulong[] a, ulong[] b) => a.Zip(b).TakeWhile(pair => pair.First == pair.Second).Count();

    [Fact]
    public void A_message_more_keeps_every_hash_there_was()
    {
        Prop.ForAll<NonEmptyArray<NonNull<string>>, NonNull<string>>((texts, last) =>
        {
            string[] messages = [.. texts.Get.Select(text => User(text.Get + Long[..(text.Get.Length * 7 % 300)]))];
            ulong[] before = Hash(Body(string.Join(',', messages)));
            ulong[] after = Hash(Body(string.Join(',', [.. messages, User(last.Get)])));
            return Shared(before, after) == before.Length;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_change_in_the_text_changes_its_block_and_all_after_it()
    {
        ulong[] original = Hash(Body(User(Long)));
        for (int at = 0; at < Long.Length; at += 37)
        {
            string changed = Long[..at] + "#" + Long[(at + 1)..];
            ulong[] hashes = Hash(Body(User(changed)));

            Assert.Equal(original.Length, hashes.Length);
            Assert.InRange(Shared(original, hashes), at / 64, (at + 64) / 64);
            Assert.Empty(original.Skip(at / 64 + 1).Intersect(hashes));
        }
    }

    [Fact]
    public void Blocks_are_sixty_four_bytes_and_their_number_follows_the_estimate()
    {
        string body = Body(User(new string('x', 64_000)));
        Assert.InRange(Hash(body).Length, 1_000, 1_001);

        string image = Body("""{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"AA"}}]}""");
        Assert.InRange(Hash(image).Length, 100, 101);
    }

    [Fact]
    public void Key_order_cache_markers_and_identifiers_change_nothing()
    {
        string Tools(string id, string cache) =>
            $$"""
            "tools":[{"name":"t","id":"{{id}}","description":"{{Long}}"{{cache}}}]
            """;
        string system = $"\"system\":{JsonSerializer.Serialize(Long)}";
        string content = JsonSerializer.Serialize(Long);
        ulong[] plain = Hash(
            $$"""{"model":"m",{{Tools("a", "")}},{{system}},"messages":[{"role":"user","content":{{content}}}]}""");

        const string marker = ",\"cache_control\":{\"type\":\"ephemeral\"}";
        string marked = $$"""
            {"messages":[{"content":[{"cache_control":{"type":"ephemeral","ttl":"1h"},"text":{{content}},
            "type":"text"}],
            "role":"user"}],"system":[{"type":"text","text":{{JsonSerializer.Serialize(Long)}},"cache_control":{ } } ],
            {{Tools("b", marker)}},
            "model":"other","max_tokens":7,"stream":true}
            """;

        Assert.Equal(plain, Hash(marked));
    }

    [Fact]
    public void Role_salt_section_and_boundary_keep_chains_apart()
    {
        ulong[] user = Hash(Body(User(Long)));

        Assert.Equal(0, Shared(user, Hash(Body(User(Long)), salt: 2)));
        Assert.Equal(0, Shared(user, Hash(Body(User(Long).Replace("user", "assistant", StringComparison.Ordinal)))));
        Assert.Equal(0, Shared(user, Hash(Body(User("x"), $",\"system\":{JsonSerializer.Serialize(Long)}"))));
        Assert.NotEqual(
            Hash(Body($"{User(Long)},{User("ab")},{User(Long)}"))[^1],
            Hash(Body($"{User(Long + "ab")},{User("")},{User(Long)}"))[^1]);
    }

    [Fact]
    public void Another_image_is_another_prompt_and_what_precedes_it_counts()
    {
        string With(string text, string data) => Body(
            $$"""
            {"role":"user","content":[{"type":"text","text":"{{text}}"},
            {"type":"image","source":{"type":"base64","data":"{{data}}"} }]}
            """);
        ulong[] first = Hash(With("a", Long));

        Assert.Equal(first, Hash(With("a", Long)));
        Assert.Equal(1, Shared(first, Hash(With("a", Long + "A"))));
        Assert.Equal(0, Shared(first, Hash(With("b", Long))));
    }

    [Fact]
    public void Little_room_gives_the_first_hashes()
    {
        ulong[] all = Hash(Body(User(Long)));

        Assert.Equal(all[..3], Hash(Body(User(Long)), room: 3));
        Assert.Empty(Hash(Body(User(Long)), room: 0));
    }

    [Fact]
    public void Hashes_of_many_prompts_do_not_collide()
    {
        var seen = new HashSet<ulong>();
        for (int i = 0; i < 20_000; i++)
        {
            Assert.True(seen.Add(Hash(Body(User($"{i} {Long}")))[0]));
        }
    }

    [Fact]
    public void Prompts_that_differ_only_in_how_a_body_is_written_out_hash_alike()
    {
        JsonNode node = JsonNode.Parse(Body(User(Long) + "," + User("b")))!;
        string indented = node.ToJsonString(new JsonSerializerOptions { WriteIndented = true });

        Assert.Equal(Hash(node.ToJsonString()), Hash(indented));
    }
}

using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Forebay.Protocols;
using Forebay.TestKit.Fuzzing;
using Xunit;

namespace Forebay.UnitTests.Fuzz;

/// <summary>Request and answer bodies that nobody should send.</summary>
public sealed class RequestFuzzTests
{
    private const string NotJson = "The request body is not valid";

    private static readonly WireDialect[] Dialects =
        [WireDialect.Anthropic, WireDialect.OpenAi, WireDialect.Responses];

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 64 };

    /// <summary>System.Text.Json is the judge of what is JSON: what the reader accepts is JSON, what it calls no JSON is
    /// none, and an accepted body is still JSON once it is spliced.</summary>
    [Fact]
    public void Damaged_requests_are_read_or_refused_as_the_platform_would() => FuzzRun.Each(
        "request bodies", 20_000, random =>
        {
            byte[] body = Corpus.Damaged(Corpus.Requests, random);
            WireDialect dialect = Dialects[random.Next(Dialects.Length)];
            bool good = RequestReader.TryRead(dialect, body, random.Next(8) == 0, out RequestFacts facts, out RequestProblem bad);
            bool json = IsJson(body);
            if (!good)
            {
                Assert.NotEqual("", bad.Message);
                Assert.False(json && bad.Message.StartsWith(NotJson, StringComparison.Ordinal), Shown(bad.Message, body));
                return;
            }

            Assert.True(json, Shown("accepted", body));
            Assert.True(facts.EstimatedInputTokens >= 0 && facts.Model.Length > 0);
            Assert.InRange(PromptBlocks.Hash(facts, body, 7, new ulong[32]), 0, 32);
            var spliced = new ArrayBufferWriter<byte>();
            SpliceList splices = RequestSplicer.For(
                facts,
                body,
                new BodyChanges { ModelJson = "\"up/stream\""u8.ToArray(), AddUsage = dialect == WireDialect.OpenAi });
            splices.WriteTo(body, spliced);
            Assert.Equal(splices.ResultLength(body.Length), spliced.WrittenCount);
            Assert.True(IsJson(spliced.WrittenSpan.ToArray()), Shown("spliced", spliced.WrittenSpan.ToArray()));
            Assert.True(RequestReader.TryRead(dialect, spliced.WrittenSpan, true, out RequestFacts sent, out _));
            Assert.Equal("up/stream", sent.Model);
            Assert.Equal(facts.Stream, sent.Stream);

            var bare = new ArrayBufferWriter<byte>();
            RequestSplicer.For(facts, body, new BodyChanges { ModelMember = "\"v\":1"u8.ToArray(), DropStream = true })
                .WriteTo(body, bare);
            Assert.True(IsJson(bare.WrittenSpan.ToArray()), Shown("bare", bare.WrittenSpan.ToArray()));
        });

    [Fact]
    public void Damaged_answers_are_read_or_refused() => FuzzRun.Each("answer bodies", 20_000, random =>
    {
        byte[] body = Corpus.Damaged(Corpus.AnswerBodies, random);
        WireDialect dialect = Dialects[random.Next(Dialects.Length)];
        if (ResponseReader.TryRead(dialect, body, out ResponseFacts facts))
        {
            Assert.True(facts.Usage is { Input: >= 0, CacheRead: >= 0, CacheWrite: >= 0, Output: >= 0 });
            Assert.InRange(facts.ModelValue.End, 0, body.Length);
        }
    });

    private static bool IsJson(byte[] body)
    {
        ReadOnlyMemory<byte> json = body.AsSpan().StartsWith("\uFEFF"u8) ? body.AsMemory(3) : body;
        if (!Utf8.IsValid(json.Span))
        {
            return false;
        }

        try
        {
            JsonDocument.Parse(json, Strict).Dispose();
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string Shown(string what, byte[] body) => $"{what}: {Encoding.UTF8.GetString(body)}";
}

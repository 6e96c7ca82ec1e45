using System.Text;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Streams;

public sealed class StreamObserverPropertyTests
{
    private const string Anthropic =
        ": hi\r\n\r\nevent: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"up\",\"usage\":"
        + "{\"input_tokens\":10,\"output_tokens\":1}}}\r\n\r\nevent: ping\ndata: {\"type\": \"ping\"}\n\n"
        + "event: content_block_delta\ndata: {\"delta\":\ndata: {\"text\":\"a\\n\"}}\n\n"
        + "event: message_delta\ndata: {\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":25}}\n\n"
        + "event: error\ndata: {\"error\":{\"type\":\"api_error\",\"message\":\"m\\u00e9\"}}\n\n"
        + "event: message_stop\ndata: {}\n\n";

    private const string OpenAi =
        "data: {\"usage\":null,\"model\":\"up\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}"
        + "\n\n"
        + "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":null,\n"
        + "data: \"model\":\"up\"}\r\n\r\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3,"
        + "\"total_tokens\":8,\"prompt_tokens_details\":{\"cached_tokens\":2}}}\n\ndata: [DONE]\n\n";

    [Theory]
    [InlineData(WireDialect.Anthropic, Anthropic)]
    [InlineData(WireDialect.OpenAi, OpenAi)]
    public void Mutated_streams_never_throw_and_cuts_change_nothing(WireDialect dialect, string sample)
    {
        byte[] original = Encoding.UTF8.GetBytes(sample);
        var random = new Random(1122);
        var rewrite = new StreamRewrite("\"client/model\""u8.ToArray(), RemoveUsage: true);
        int terminated = 0;
        int malformed = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] stream = Mutation.Of(original, random);
            StreamRun run = StreamRun.Of(dialect, stream, rewrite);
            StreamRun cut = StreamRun.Of(dialect, stream, rewrite, new Random(i));

            Assert.Equal(run.Kinds, cut.Kinds);
            Assert.True(run.SentBytes.AsSpan().SequenceEqual(cut.SentBytes));
            WireUsage usage = run.Observer.Usage;
            Assert.Equal(usage, cut.Observer.Usage);
            Assert.True(usage is { Input: >= 0, CacheRead: >= 0, CacheWrite: >= 0, Output: >= 0 });
            terminated += run.Observer.Terminated ? 1 : 0;
            malformed += run.Kinds.Contains(StreamEventKind.Malformed) ? 1 : 0;
        }

        Assert.True(terminated > 1_000 && malformed > 1_000, $"{terminated} complete, {malformed} malformed");
    }
}

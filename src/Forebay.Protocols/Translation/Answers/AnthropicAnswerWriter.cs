using System.Buffers;
using System.Text;

namespace Forebay.Protocols.Translation;

/// <summary>Writes a whole answer as an Anthropic message. Members that may be null are written as null: clients can be
/// told to insist on them.</summary>
internal static class AnthropicAnswerWriter
{
    public static void Write(
        CanonicalAnswer answer, ReadOnlySpan<byte> source, AnswerFrame frame, IBufferWriter<byte> output)
    {
        var to = new WireOutput(output);
        to.Raw("{\"id\":\"msg_"u8);
        to.Raw(Encoding.ASCII.GetBytes(frame.Id));
        to.Raw("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"u8);
        to.Raw(frame.ModelJson.Span);
        to.Raw(",\"content\":["u8);
        int calls = 0;
        for (int i = 0; i < answer.Blocks.Count; i++)
        {
            to.Raw(i > 0 ? ","u8 : []);
            CanonicalBlock block = answer.Blocks[i];
            switch (block.Kind)
            {
                case BlockKind.ToolUse:
                    WriteCall(ref to, block, source, frame, calls++);
                    break;
                case BlockKind.Thinking:
                    to.Raw("{\"type\":\"thinking\",\"thinking\":"u8);
                    to.Quoted(block.Text.Of(source));
                    to.Raw(",\"signature\":\""u8);
                    to.Raw(block.Seal == SealKind.Responses ? Seals.MarkOf(block.Seal) : []);
                    to.Raw(block.Signature.Of(source));
                    to.Raw("\"}"u8);
                    break;
                default:
                    to.Raw("{\"type\":\"text\",\"text\":"u8);
                    to.Quoted(block.Text.Of(source));
                    to.Raw(",\"citations\":null}"u8);
                    break;
            }
        }

        to.Raw("],\"stop_reason\":\""u8);
        to.Raw(AnswerWords.ToAnthropic(answer.Stop));
        to.Raw("\",\"stop_sequence\":"u8);
        if (answer.StopSequence.IsEmpty)
        {
            to.Raw("null"u8);
        }
        else
        {
            to.Quoted(answer.StopSequence.Of(source));
        }

        to.Raw(",\"stop_details\":null,\"container\":null,\"diagnostics\":null,\"usage\":"u8);
        WireUsage usage = answer.Usage.Known ? answer.Usage : Estimate(answer, frame);
        AnswerWords.WriteAnthropicUsage(ref to, usage, answer.ReasoningTokens, isWhole: true);
        to.Raw((byte)'}');
        to.Flush();
    }

    /// <summary>What is said where the upstream told no usage: the dialect has no way to say nothing.</summary>
    private static WireUsage Estimate(CanonicalAnswer answer, AnswerFrame frame)
    {
        const int bytesPerToken = 4;
        long bytes = answer.Blocks.Sum(b => (long)b.Text.Length + b.Input.Length);
        return new WireUsage(true, frame.EstimatedInputTokens, 0, 0, bytes / bytesPerToken);
    }

    private static void WriteCall(
        ref WireOutput to, in CanonicalBlock call, ReadOnlySpan<byte> source, AnswerFrame frame, int ordinal)
    {
        to.Raw("{\"type\":\"tool_use\",\"id\":"u8);
        if (call.Id.IsEmpty)
        {
            AnswerWords.WriteMadeId(ref to, "toolu_"u8, frame.Id, ordinal);
        }
        else
        {
            AnswerWords.WriteAnthropicId(ref to, call.Id.Of(source));
        }

        to.Raw(",\"name\":"u8);
        to.Quoted(call.Name.Of(source));
        to.Raw(",\"input\":"u8);
        if (call.Input.IsEmpty)
        {
            to.Raw("{}"u8);
        }
        else if (call.InputIsText)
        {
            var input = new ArrayBufferWriter<byte>(call.Input.Length);
            StringContent.Decode(call.Input.Of(source), input);
            to.Raw(input.WrittenSpan);
        }
        else
        {
            to.Raw(call.Input.Of(source));
        }

        to.Raw(",\"caller\":{\"type\":\"direct\"}}"u8);
    }
}

using System.Buffers;
using System.Text;

namespace Forebay.Protocols.Translation;

/// <summary>Writes a whole answer as an OpenAI chat completion.</summary>
internal static class OpenAiAnswerWriter
{
    public static void Write(
        CanonicalAnswer answer, ReadOnlySpan<byte> source, AnswerFrame frame, IBufferWriter<byte> output)
    {
        var to = new WireOutput(output);
        to.Raw("{\"id\":\"chatcmpl-"u8);
        to.Raw(Encoding.ASCII.GetBytes(frame.Id));
        to.Raw("\",\"object\":\"chat.completion\",\"created\":"u8);
        to.Number(frame.CreatedUnixSeconds);
        to.Raw(",\"model\":"u8);
        to.Raw(frame.ModelJson.Span);
        to.Raw(",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"u8);
        if (!WriteJoined(ref to, answer, BlockKind.Text, source))
        {
            to.Raw("null"u8);
        }

        to.Raw(",\"refusal\":null"u8);
        if (answer.Blocks.Exists(b => b.Kind == BlockKind.Thinking && !b.Text.IsEmpty))
        {
            to.Raw(",\"reasoning_content\":"u8);
            _ = WriteJoined(ref to, answer, BlockKind.Thinking, source);
        }

        WriteCalls(ref to, answer, source, frame);
        to.Raw(",\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\""u8);
        to.Raw(AnswerWords.ToOpenAi(answer.Stop));
        to.Raw("\"}]"u8);
        if (answer.Usage.Known)
        {
            to.Raw(",\"usage\":"u8);
            AnswerWords.WriteOpenAiUsage(ref to, answer.Usage, answer.ReasoningTokens);
        }

        to.Raw(",\"system_fingerprint\":null}"u8);
        to.Flush();
    }

    private static bool WriteJoined(
        ref WireOutput to, CanonicalAnswer answer, BlockKind kind, ReadOnlySpan<byte> source)
    {
        bool any = false;
        foreach (CanonicalBlock block in answer.Blocks)
        {
            if (block.Kind == kind)
            {
                to.Raw(any ? [] : "\""u8);
                any = true;
                to.Raw(block.Text.Of(source));
            }
        }

        to.Raw(any ? "\""u8 : []);
        return any;
    }

    private static void WriteCalls(
        ref WireOutput to, CanonicalAnswer answer, ReadOnlySpan<byte> source, AnswerFrame frame)
    {
        int calls = 0;
        foreach (CanonicalBlock call in answer.Blocks)
        {
            if (call.Kind != BlockKind.ToolUse)
            {
                continue;
            }

            to.Raw(calls == 0 ? ",\"tool_calls\":[{\"id\":"u8 : ",{\"id\":"u8);
            if (call.Id.IsEmpty)
            {
                AnswerWords.WriteMadeId(ref to, "call_"u8, frame.Id, calls);
            }
            else
            {
                to.Quoted(call.Id.Of(source));
            }

            calls++;
            to.Raw(",\"type\":\"function\",\"function\":{\"name\":"u8);
            to.Quoted(call.Name.Of(source));
            to.Raw(",\"arguments\":\""u8);
            if (call.InputIsText)
            {
                to.Raw(call.Input.Of(source));
            }
            else
            {
                to.Escaped(call.Input.IsEmpty ? "{}"u8 : call.Input.Of(source));
            }

            to.Raw("\"}}"u8);
        }

        to.Raw(calls > 0 ? "]"u8 : []);
    }
}

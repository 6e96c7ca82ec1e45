using System.Buffers;

namespace Forebay.Protocols.Translation;

/// <summary>Writes a whole answer as a response of the Responses dialect.</summary>
internal static class ResponsesAnswerWriter
{
    public static void Write(
        CanonicalAnswer answer, ReadOnlySpan<byte> source, AnswerFrame frame, IBufferWriter<byte> output)
    {
        var to = new WireOutput(output);
        var response = new ResponseFrame(frame);
        ReadOnlySpan<byte> incomplete = AnswerWords.ToResponses(answer.Stop);
        ReadOnlySpan<byte> status = incomplete.IsEmpty ? "completed"u8 : "incomplete"u8;
        response.WriteStart(ref to, status, incomplete);
        int items = 0;
        for (int i = 0; i < answer.Blocks.Count; i++)
        {
            to.Raw(items > 0 ? ","u8 : []);
            CanonicalBlock block = answer.Blocks[i];
            switch (block.Kind)
            {
                case BlockKind.ToolUse:
                    WriteCall(ref to, block, source, response, items++);
                    break;
                case BlockKind.Thinking:
                    WriteReasoning(ref to, block, source, response, items++);
                    break;
                default:
                    int last = LastText(answer, i);
                    WriteMessage(ref to, answer, i, last, source, response, items++, status);
                    i = last;
                    break;
            }
        }

        ResponseFrame.WriteEnd(ref to, answer.Usage, answer.ReasoningTokens);
        to.Flush();
    }

    /// <summary>The last of the texts that follow each other from here: together they are one message.</summary>
    private static int LastText(CanonicalAnswer answer, int first)
    {
        int last = first;
        while (last + 1 < answer.Blocks.Count && answer.Blocks[last + 1].Kind == BlockKind.Text)
        {
            last++;
        }

        return last;
    }

    private static void WriteMessage(
        ref WireOutput to,
        CanonicalAnswer answer,
        int first,
        int last,
        ReadOnlySpan<byte> source,
        ResponseFrame response,
        int index,
        ReadOnlySpan<byte> status)
    {
        to.Raw("{\"type\":\"message\",\"id\":"u8);
        response.WriteItemId(ref to, "msg_"u8, index);
        to.Raw(",\"status\":"u8);
        to.Quoted(status);
        to.Raw(",\"role\":\"assistant\",\"content\":["u8);
        for (int i = first; i <= last; i++)
        {
            to.Raw(i > first ? ","u8 : []);
            to.Raw("{\"type\":\"output_text\",\"text\":"u8);
            to.Quoted(answer.Blocks[i].Text.Of(source));
            to.Raw(",\"annotations\":[],\"logprobs\":[]}"u8);
        }

        to.Raw("]}"u8);
    }

    private static void WriteReasoning(
        ref WireOutput to, in CanonicalBlock block, ReadOnlySpan<byte> source, ResponseFrame response, int index)
    {
        to.Raw("{\"type\":\"reasoning\",\"id\":"u8);
        response.WriteItemId(ref to, "rs_"u8, index);
        to.Raw(",\"summary\":["u8);
        if (!block.Text.IsEmpty)
        {
            to.Raw("{\"type\":\"summary_text\",\"text\":"u8);
            to.Quoted(block.Text.Of(source));
            to.Raw((byte)'}');
        }

        to.Raw((byte)']');
        if (!block.Signature.IsEmpty)
        {
            to.Raw(",\"encrypted_content\":\""u8);
            to.Raw(Seals.MarkOf(block.Seal));
            to.Raw(block.Signature.Of(source));
            to.Raw((byte)'"');
        }

        to.Raw((byte)'}');
    }

    private static void WriteCall(
        ref WireOutput to, in CanonicalBlock call, ReadOnlySpan<byte> source, ResponseFrame response, int index)
    {
        to.Raw("{\"type\":\"function_call\",\"id\":"u8);
        response.WriteItemId(ref to, "fc_"u8, index);
        to.Raw(",\"status\":\"completed\",\"call_id\":"u8);
        if (call.Id.IsEmpty)
        {
            response.WriteItemId(ref to, "call_"u8, index);
        }
        else
        {
            to.Quoted(call.Id.Of(source));
        }

        to.Raw((byte)',');
        response.WriteToolName(ref to, call.Name.Of(source));
        to.Raw(",\"arguments\":\""u8);
        if (call.InputIsText && !call.Input.IsEmpty)
        {
            to.Raw(call.Input.Of(source));
        }
        else
        {
            to.Escaped(call.Input.IsEmpty ? "{}"u8 : call.Input.Of(source));
        }

        to.Raw("\"}"u8);
    }
}

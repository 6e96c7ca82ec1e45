using System.Buffers;
using System.Text;
using Forebay.Protocols.Translation;

namespace Forebay.Protocols;

/// <summary>Ends a stream of which nothing is missing but its end: what it stopped for is known, or no token is left to
/// produce.</summary>
public static class AnswerEnding
{
    /// <summary>Writes the events that are missing.</summary>
    /// <param name="dialect">The client's dialect.</param>
    /// <param name="soFar">What the client has been sent.</param>
    /// <param name="usage">What the answer used.</param>
    /// <param name="includeUsage">Whether the client of an OpenAI stream asked to be told.</param>
    /// <param name="output">Where to.</param>
    public static void Write(
        WireDialect dialect, AnswerSoFar soFar, in WireUsage usage, bool includeUsage, IBufferWriter<byte> output)
    {
        if (dialect == WireDialect.Anthropic)
        {
            WriteAnthropic(soFar, usage, output);
        }
        else
        {
            WriteOpenAi(soFar.Head, soFar, usage, includeUsage, output);
        }
    }

    internal static void WriteBlockStop(IBufferWriter<byte> output, long index) => output.Write(Encoding.ASCII.GetBytes(
        $"event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":{index}}}\n\n"));

    private static void WriteAnthropic(AnswerSoFar soFar, in WireUsage usage, IBufferWriter<byte> output)
    {
        if (!soFar.HasStopped)
        {
            if (soFar is { HasBlock: true, IsBlockEnded: false })
            {
                WriteBlockStop(output, soFar.BlockIndex);
            }

            output.Write("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"u8);
            output.Write("\"stop_reason\":\"max_tokens\",\"stop_sequence\":null,\"stop_details\":null,"u8);
            output.Write("\"container\":null},\"usage\":"u8);
            var to = new WireOutput(output);
            AnswerWords.WriteAnthropicUsage(ref to, usage, null, isWhole: false);
            to.Flush();
            output.Write("}\n\n"u8);
        }

        output.Write("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"u8);
    }

    private static void WriteOpenAi(
        ChunkHead head, AnswerSoFar soFar, in WireUsage usage, bool includeUsage, IBufferWriter<byte> output)
    {
        if (!soFar.HasStopped)
        {
            WriteHead(head, output);
            output.Write("{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}]"u8);
            output.Write(includeUsage ? ",\"usage\":null}\n\n"u8 : "}\n\n"u8);
        }

        if (includeUsage && !soFar.HasFinalUsage)
        {
            WriteHead(head, output);
            output.Write("],\"usage\":"u8);
            var to = new WireOutput(output);
            AnswerWords.WriteOpenAiUsage(ref to, usage, null);
            to.Flush();
            output.Write("}\n\n"u8);
        }

        output.Write("data: [DONE]\n\n"u8);
    }

    private static void WriteHead(ChunkHead head, IBufferWriter<byte> output)
    {
        output.Write("data: {\"id\":"u8);
        output.Write(head.Id.Length > 0 ? head.Id : "\"\""u8);
        output.Write(",\"object\":\"chat.completion.chunk\",\"created\":"u8);
        output.Write(head.Created.Length > 0 ? head.Created : "0"u8);
        output.Write(",\"model\":"u8);
        output.Write(head.Model.Length > 0 ? head.Model : "\"\""u8);
        output.Write(",\"choices\":["u8);
    }
}

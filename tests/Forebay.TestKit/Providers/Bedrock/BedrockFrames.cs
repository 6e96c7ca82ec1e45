using System.Buffers;
using System.Text;
using Forebay.Protocols.Bedrock;
using Microsoft.AspNetCore.Http;

namespace Forebay.TestKit.Providers.Bedrock;

/// <summary>How a frame is spoilt on its way.</summary>
public enum FrameFault
{
    /// <summary>A bit of the payload is flipped.</summary>
    Payload,

    /// <summary>A bit of the length is flipped.</summary>
    Length,

    /// <summary>The frame ends in its middle, and the stream with it.</summary>
    Cut,
}

/// <summary>Writes Bedrock's response streams.</summary>
public static class BedrockFrames
{
    /// <summary>A frame that says an event.</summary>
    public static byte[] Event(string type, string payload) => Frame(":event-type", type, "event", payload);

    /// <summary>A frame that says an exception.</summary>
    public static byte[] Exception(string type, string payload) => Frame(":exception-type", type, "exception", payload);

    /// <summary>A chunk that holds an event of Anthropic's.</summary>
    public static byte[] Chunk(string json) => Event(
        "chunk", $"{{\"bytes\":\"{Convert.ToBase64String(Encoding.UTF8.GetBytes(json))}\",\"p\":\"abcdefghij\"}}");

    /// <summary>Sends frames, each flushed by itself.</summary>
    public static async Task SendAsync(HttpContext http, IEnumerable<byte[]> frames, FrameFault? lastIs = null)
    {
        if (!http.Response.HasStarted)
        {
            http.Response.ContentType = "application/vnd.amazon.eventstream";
            http.Response.Headers["X-Amzn-Bedrock-Content-Type"] = "application/json";
        }

        byte[][] all = [.. frames];
        for (int i = 0; i < all.Length; i++)
        {
            byte[] frame = i == all.Length - 1 && lastIs is { } fault ? Spoilt(all[i], fault) : all[i];
            await http.Response.Body.WriteAsync(frame);
            await http.Response.Body.FlushAsync();
        }
    }

    private static byte[] Spoilt(byte[] frame, FrameFault fault)
    {
        byte[] spoilt = [.. frame];
        switch (fault)
        {
            case FrameFault.Payload:
                spoilt[^10] ^= 1;
                return spoilt;
            case FrameFault.Length:
                spoilt[1] ^= 0x40;
                return spoilt;
            default:
                return spoilt[..(spoilt.Length / 2)];
        }
    }

    private static byte[] Frame(string name, string type, string message, string payload)
    {
        var output = new ArrayBufferWriter<byte>();
        new EventStreamWriter().Add(name, type).Add(":content-type", "application/json").Add(":message-type", message)
            .Write(Encoding.UTF8.GetBytes(payload), output);
        return output.WrittenSpan.ToArray();
    }
}

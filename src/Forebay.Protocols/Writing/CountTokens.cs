using System.Buffers;
using System.Text.Json;
using Forebay.Protocols.Writing;

namespace Forebay.Protocols;

/// <summary>The answer of Anthropic's <c>count_tokens</c>.</summary>
public static class CountTokens
{
    public static void Write(IBufferWriter<byte> output, long inputTokens)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        json.WriteStartObject();
        json.WriteNumber("input_tokens"u8, inputTokens);
        json.WriteEndObject();
    }

    /// <summary>The answer as bytes.</summary>
    public static ReadOnlyMemory<byte> Of(long inputTokens)
    {
        var output = new ArrayBufferWriter<byte>(32);
        Write(output, inputTokens);
        return output.WrittenMemory;
    }
}

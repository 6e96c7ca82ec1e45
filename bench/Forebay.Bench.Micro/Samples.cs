using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Forebay.Protocols;

namespace Forebay.Bench.Micro;

/// <summary>Requests and streams of the sizes that the gateway sees.</summary>
internal static class Samples
{
    private const string Code =
        "    if (lease[i].Pool != \"\\n\" && free > 0) {\n\t\treturn new Grant(\"a\\tb\", i, free);\n    }\n";

    /// <summary>Escaped as clients do it: quotes, backslashes and controls alone.</summary>
    private static readonly JsonSerializerOptions AsClients = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>About 1 kB: a system prompt and a question.</summary>
    public static byte[] SmallChat { get; } = Chat(string.Concat(Enumerable.Repeat("Pools lend what they hold. ", 30)));

    /// <summary>About 353 kB of code, an escape every few bytes.</summary>
    public static byte[] LargeChat { get; } = Chat(string.Concat(Enumerable.Repeat(Code, 3150)));

    public static byte[] SmallMessages { get; } = JsonSerializer.SerializeToUtf8Bytes(new
    {
        model = "atlas",
        max_tokens = 64,
        stream = true,
        system = string.Concat(Enumerable.Repeat("Pools lend what they hold. ", 20)),
        messages = new[] { new { role = "user", content = "What is a lease?" } },
    });

    /// <summary>One content event of each dialect.</summary>
    public static byte[] Event(WireDialect dialect) => Encoding.UTF8.GetBytes(dialect == WireDialect.Anthropic
        ? "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0," +
            "\"delta\":{\"type\":\"text_delta\",\"text\":\"capacity \"}}\n\n"
        : "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"atlas\"," +
            "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"capacity \"},\"finish_reason\":null}]}\n\n");

    private static byte[] Chat(string text) => JsonSerializer.SerializeToUtf8Bytes(
        new { model = "atlas", max_tokens = 64, messages = new[] { new { role = "user", content = text } } }, AsClients);
}

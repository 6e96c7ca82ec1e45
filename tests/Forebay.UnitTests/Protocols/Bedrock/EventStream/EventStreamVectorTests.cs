using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols.Bedrock;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Protocols.Bedrock.EventStream;

/// <summary>The vectors that AWS's own SDKs are tested with, both ways.</summary>
public sealed class EventStreamVectorTests
{
    private const string Vectors = "api/data/eventstream/test_vectors";

    [Theory]
    [InlineData("all_headers")]
    [InlineData("empty_message")]
    [InlineData("int32_header")]
    [InlineData("payload_no_headers")]
    [InlineData("payload_one_str_header")]
    public void A_good_message_is_read_and_written_as_it_is(string name)
    {
        byte[] encoded = Read($"encoded/positive/{name}");
        JsonNode expected = JsonNode.Parse(Read($"decoded/positive/{name}"))!;

        Assert.Equal(
            EventStreamStatus.Message,
            EventStreamReader.Read(encoded, atEnd: true, out EventStreamMessage message, out EventStreamFault fault));
        Assert.Equal(EventStreamFault.None, fault);
        Assert.Equal(encoded.Length, message.Length);
        Assert.Equal((int)expected["total_length"]!, message.Length);
        Assert.Equal(Convert.FromBase64String((string)expected["payload"]!), message.Payload);
        Assert.Equal(Expected(expected["headers"]!.AsArray()), Said(message));
        Assert.Equal(encoded, Written(message));
    }

    [Theory]
    [InlineData("corrupted_length", EventStreamFault.BadPreludeCrc)]
    [InlineData("corrupted_header_len", EventStreamFault.BadPreludeCrc)]
    [InlineData("corrupted_headers", EventStreamFault.BadMessageCrc)]
    [InlineData("corrupted_payload", EventStreamFault.BadMessageCrc)]
    public void A_corrupt_message_is_told_by_what_does_not_match(string name, EventStreamFault expected)
    {
        byte[] encoded = Read($"encoded/negative/{name}");
        string words = Encoding.UTF8.GetString(Read($"decoded/negative/{name}")).Trim();

        Assert.Equal(
            EventStreamStatus.Faulty, EventStreamReader.Read(encoded, atEnd: false, out _, out EventStreamFault fault));
        Assert.Equal(expected, fault);
        Assert.Equal(
            words, fault == EventStreamFault.BadPreludeCrc ? "Prelude checksum mismatch" : "Message checksum mismatch");
    }

    private static byte[] Read(string path)
    {
        string? file = SharedFiles.Find($"{Vectors}/{path}");
        Assert.SkipWhen(file is null, SharedFiles.SkipReason(Vectors));
        return File.ReadAllBytes(file!);
    }

    private static List<(string, EventStreamType, string)> Expected(JsonArray headers) =>
    [
        .. headers.Select(h =>
        {
            var type = (EventStreamType)(int)h!["type"]!;
            string value = type switch
            {
                EventStreamType.True or EventStreamType.False => "",
                EventStreamType.Bytes or EventStreamType.String or EventStreamType.Uuid =>
                    Convert.ToHexString(Convert.FromBase64String((string)h["value"]!)),
                _ => ((long)h["value"]!).ToString(),
            };
            return ((string)h["name"]!, type, value);
        }),
    ];

    private static List<(string, EventStreamType, string)> Said(EventStreamMessage message)
    {
        var said = new List<(string, EventStreamType, string)>();
        foreach (EventStreamHeader header in message.Headers)
        {
            bool isNumber = header.Type is EventStreamType.Byte or EventStreamType.Int16 or EventStreamType.Int32
                or EventStreamType.Int64 or EventStreamType.Timestamp;
            string value = isNumber ? header.AsInteger().ToString() : Convert.ToHexString(header.Value);
            said.Add((Encoding.UTF8.GetString(header.Name), header.Type, value));
        }

        return said;
    }

    private static byte[] Written(EventStreamMessage message)
    {
        var writer = new EventStreamWriter();
        foreach (EventStreamHeader header in message.Headers)
        {
            string name = Encoding.UTF8.GetString(header.Name);
            _ = header.Type switch
            {
                EventStreamType.True or EventStreamType.False => writer.Add(name, header.Type == EventStreamType.True),
                EventStreamType.Bytes => writer.Add(name, header.Value.ToArray()),
                EventStreamType.String => writer.Add(name, Encoding.UTF8.GetString(header.Value)),
                EventStreamType.Uuid => writer.AddUuid(name, header.Value),
                _ => writer.AddInteger(name, header.Type, header.AsInteger()),
            };
        }

        var output = new ArrayBufferWriter<byte>();
        writer.Write(message.Payload, output);
        return output.WrittenSpan.ToArray();
    }
}

using System.Buffers;
using System.Text;
using Forebay.Protocols;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Protocols.Streams;

public sealed class SseFramingTests
{
    [Theory]
    [InlineData("data: a\n\n", 9)]
    [InlineData("data: a\r\n\r\ndata: b", 11)]
    [InlineData("data: a\r\rdata: b", 9)]
    [InlineData("data: a\n\r\ndata: b", 10)]
    [InlineData("\uFEFFdata: a\n\nx", 12)]
    [InlineData("\n\n\ndata: a\n\n", 1)]
    [InlineData("\r\n\r\n", 2)]
    [InlineData(": comment\n\ndata: a\n\n", 11)]
    [InlineData("event: e\ndata: a\n\n", 18)]
    public void A_complete_event_ends_with_its_blank_line(string buffer, int length)
    {
        Assert.True(SseFraming.TryReadEvent(Encoding.UTF8.GetBytes(buffer), out int found));
        Assert.Equal(length, found);
    }

    [Theory]
    [InlineData("")]
    [InlineData("data: a")]
    [InlineData("data: a\n")]
    [InlineData("data: a\r\n")]
    [InlineData("data: a\r\n\r")]
    [InlineData("data: a\r\r")]
    [InlineData("\r")]
    [InlineData("\uFEFF")]
    public void What_may_go_on_is_not_an_event_yet(string buffer)
    {
        Assert.False(SseFraming.TryReadEvent(Encoding.UTF8.GetBytes(buffer), out _));
    }

    [Theory]
    [InlineData("data: a\r\r", 9)]
    [InlineData("data: a\r\n\r", 10)]
    [InlineData("data: a\n", 8)]
    [InlineData("data: a", 7)]
    [InlineData("\r", 1)]
    public void Once_nothing_follows_what_is_left_is_an_event(string buffer, int length)
    {
        Assert.True(SseFraming.TryReadEvent(Encoding.UTF8.GetBytes(buffer), 0, atEnd: true, out int found));
        Assert.Equal(length, found);
        Assert.False(SseFraming.TryReadEvent([], 0, atEnd: true, out _));
    }

    [Fact]
    public void Any_cut_of_any_stream_gives_the_same_events()
    {
        Gen<string> lines = Gen.Elements(
            "data: a", "data", "event: x", ":", "", "\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n", "\n\r\n", "\uFEFF",
            "é");
        Prop.ForAll(lines.ListOf().Select(string.Concat).ToArbitrary(), text =>
        {
            byte[] stream = Encoding.UTF8.GetBytes(text);
            List<int> whole = Lengths(stream, null);
            return Enumerable.Range(0, 5).All(seed => Lengths(stream, new Random(seed)).SequenceEqual(whole));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Fields_are_found_and_several_data_lines_joined()
    {
        byte[] ev = "id: 1\revent:first\r\nevent: name\ndata:  a\n: no\r\ndata\ndata: b\r\n\r\n"u8.ToArray();
        SseEvent fields = SseEvent.Parse(ev);
        var data = new ArrayBufferWriter<byte>();
        fields.CopyData(ev, data);

        Assert.Equal("name", Encoding.UTF8.GetString(fields.Name.Of(ev)));
        Assert.Equal(3, fields.DataLines);
        Assert.Equal(" a\n\nb", Encoding.UTF8.GetString(data.WrittenSpan));
    }

    [Theory]
    [InlineData("\n")]
    [InlineData(": keep-alive\n\n")]
    [InlineData("retry: 5\n\n")]
    [InlineData("event: x\n\n")]
    [InlineData("event: x\ndata:\n\n")]
    public void What_clients_ignore_is_a_comment(string ev) =>
        Assert.True(SseEvent.Parse(Encoding.UTF8.GetBytes(ev)).IsComment);

    private static List<int> Lengths(byte[] stream, Random? cuts)
    {
        var lengths = new List<int>();
        int start = 0;
        int searched = 0;
        for (int end = 0; end < stream.Length;)
        {
            end = cuts is null ? stream.Length : Math.Min(stream.Length, end + cuts.Next(1, 4));
            while (SseFraming.TryReadEvent(stream.AsSpan(start..end), searched, end == stream.Length, out int length))
            {
                lengths.Add(length);
                start += length;
                searched = 0;
            }

            searched = end - start;
        }

        return lengths;
    }
}

using System.Text;
using Forebay.Simulation.Replay.Answers;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Simulation.Replay.Answers;

public sealed class EventStreamTests
{
    private const string Sample =
        ": keep-alive\n\n" +
        "event: message_start\ndata: {\"a\":1}\n\n" +
        "data:no space\r\n\r\n" +
        "id: 7\nretry: 10\nevent: two\ndata: first\ndata: second\n\n" +
        "event: without data\n\n" +
        "data\n\n" +
        "data: cut off";

    private static readonly string[] Expected =
        ["message_start|{\"a\":1}", "|no space", "two|first\nsecond", "|"];

    private static List<string> ReadAll(Stream stream)
    {
        using var events = new EventStream(stream);
        var seen = new List<string>();
        while (events.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult())
        {
            seen.Add($"{Encoding.UTF8.GetString(events.Name)}|{Encoding.UTF8.GetString(events.Data)}");
        }

        return seen;
    }

    [Fact]
    public void Events_come_with_name_and_data_and_everything_else_is_skipped() =>
        Assert.Equal(Expected, ReadAll(new MemoryStream(Encoding.UTF8.GetBytes(Sample))));

    [Fact]
    public void Any_cut_of_the_bytes_gives_the_same_events()
    {
        byte[] bytes = Encoding.UTF8.GetBytes(Sample);
        Prop.ForAll<NonEmptyArray<byte>>(
            sizes => ReadAll(new PiecewiseStream(bytes, sizes.Get)).SequenceEqual(Expected))
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Events_longer_than_the_first_buffer_are_whole()
    {
        string large = new('x', 300_000);

        Assert.Equal(
            [$"|{large}", "|small"],
            ReadAll(new MemoryStream(Encoding.UTF8.GetBytes($"data: {large}\n\ndata: small\n\n"))));
    }

    [Fact]
    public void An_endless_event_is_refused() =>
        Assert.Throws<InvalidDataException>(() => ReadAll(new MemoryStream(new byte[3 << 20])));

    /// <summary>Gives the bytes in pieces of the given sizes, over and over.</summary>
    private sealed class PiecewiseStream(byte[] bytes, byte[] sizes) : MemoryStream(bytes)
    {
        private int _turn;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int size = Math.Max(1, (int)sizes[_turn++ % sizes.Length]);
            return base.ReadAsync(buffer[..Math.Min(size, buffer.Length)], cancellationToken);
        }
    }
}

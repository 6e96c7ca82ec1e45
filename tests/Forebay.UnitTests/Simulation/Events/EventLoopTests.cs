using Forebay.Core.Time;
using Forebay.Simulation.Events;
using Forebay.Simulation.Traces;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Simulation.Events;

public sealed class EventLoopTests
{
    [Fact]
    public void Events_come_in_order_of_time_and_those_of_one_time_as_scheduled() =>
        Prop.ForAll<byte[]>(times =>
        {
            var loop = new EventLoop(0);
            var seen = new Recorder();
            for (int i = 0; i < times.Length; i++)
            {
                loop.At(times[i], seen, 0, i);
            }

            loop.Run();
            Assert.Equal(
                times.Select((t, i) => ((long)t, (long)i)).OrderBy(e => e.Item1), // OrderBy is stable
                seen.Events.Select(e => (e.AtNs, e.Subject)));
            Assert.Equal(times.Length, loop.Handled);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_a_handler_schedules_takes_its_place_among_the_rest() =>
        Prop.ForAll<int>(seed =>
        {
            var loop = new EventLoop(0);
            var cascade = new Cascade(loop, new SplitMix64((ulong)seed, 0), 300);
            loop.At(0, cascade, 0, 0);
            loop.Run();
            Assert.Equal(300, cascade.Times.Count);
            Assert.Equal(cascade.Times.Order(), cascade.Times);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_digest_tells_order_time_kind_and_subject_apart()
    {
        ulong[] digests =
        [
            DigestOf((1, 0, 0), (2, 0, 1)),
            DigestOf((1, 0, 1), (2, 0, 0)),
            DigestOf((1, 0, 0), (3, 0, 1)),
            DigestOf((1, 0, 0), (2, 1, 1)),
            DigestOf((1, 0, 0)),
        ];
        Assert.Equal(digests.Length, digests.Distinct().Count());
        Assert.Equal(digests[0], DigestOf((1, 0, 0), (2, 0, 1)));
    }

    [Fact]
    public void The_past_cannot_be_scheduled()
    {
        var loop = new EventLoop(0);
        loop.At(10, new Recorder(), 0, 0);
        Assert.True(loop.Step());
        Assert.Throws<ArgumentOutOfRangeException>(() => loop.At(9, new Recorder(), 0, 0));
        Assert.False(loop.Step());
    }

    [Fact]
    public void Wall_time_follows_virtual_time()
    {
        var loop = new EventLoop(1_000_000);
        var seen = new Recorder();
        loop.At(2_500_000, seen, 0, 0);
        loop.Run();
        Assert.Equal(1_000_002, Assert.Single(seen.Walls));
    }

    private static ulong DigestOf(params (long AtNs, int Kind, long Subject)[] events)
    {
        var loop = new EventLoop(0);
        foreach ((long at, int kind, long subject) in events)
        {
            loop.At(at, new Recorder(), kind, subject);
        }

        loop.Run();
        return loop.Digest;
    }

    private sealed class Recorder : IEventTarget
    {
        public List<(long AtNs, long Subject)> Events { get; } = [];

        public List<long> Walls { get; } = [];

        public void Handle(int kind, long subject, Instant now)
        {
            Events.Add((now.MonotonicNs, subject));
            Walls.Add(now.WallUnixMs);
        }
    }

    /// <summary>Schedules one or two more at each event until enough have come.</summary>
    private sealed class Cascade(EventLoop loop, SplitMix64 draw, int most) : IEventTarget
    {
        private SplitMix64 _draw = draw;
        private int _scheduled = 1;

        public List<long> Times { get; } = [];

        public void Handle(int kind, long subject, Instant now)
        {
            Times.Add(now.MonotonicNs);
            for (int i = _draw.NextInt(2); i >= 0 && _scheduled < most; i--, _scheduled++)
            {
                loop.After(_draw.NextInt(20), this, 0, _scheduled);
            }
        }
    }
}

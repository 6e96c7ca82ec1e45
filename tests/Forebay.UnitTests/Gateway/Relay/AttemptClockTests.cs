using Forebay.Core.Serving;
using Forebay.Gateway.Relay;
using Forebay.TestKit.Time;
using Xunit;

namespace Forebay.UnitTests.Gateway.Relay;

public sealed class AttemptClockTests
{
    private static readonly UpstreamTimeoutsConfig Timeouts = new()
    {
        FirstByteSeconds = 10,
        IdleSeconds = 4,
        TotalSeconds = 20,
    };

    private readonly ManualTime _time = new();

    private AttemptClock Start(CancellationToken client = default, CancellationToken server = default) =>
        new(Timeouts, _time, client, server);

    [Fact]
    public void The_first_byte_has_its_own_deadline()
    {
        using AttemptClock clock = Start();

        _time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(clock.Token.IsCancellationRequested);
        _time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.True(clock.Token.IsCancellationRequested);
        Assert.Equal(AttemptPhase.FirstByte, clock.Phase);
        Assert.Equal("no first byte within 10 s", clock.Describe());
    }

    [Fact]
    public void A_deadline_that_comes_nearer_is_kept()
    {
        using AttemptClock clock = Start();
        clock.Expect(AttemptPhase.NextByte);
        _time.Advance(TimeSpan.FromSeconds(3.9));
        Assert.False(clock.Token.IsCancellationRequested);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(clock.Token.IsCancellationRequested);
    }

    [Fact]
    public void Every_byte_starts_the_idle_deadline_again()
    {
        using AttemptClock clock = Start();
        for (int i = 0; i < 4; i++)
        {
            clock.Expect(AttemptPhase.NextByte);
            _time.Advance(TimeSpan.FromSeconds(3.9));
            Assert.False(clock.Token.IsCancellationRequested);
        }

        _time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.True(clock.Token.IsCancellationRequested);
        Assert.Equal("no byte for 4 s", clock.Describe());
    }

    [Fact]
    public void The_total_wins_when_it_comes_first()
    {
        using AttemptClock clock = Start();
        for (int i = 0; i < 6; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(3));
            clock.Expect(AttemptPhase.NextByte);
        }

        Assert.Equal(AttemptPhase.Total, clock.Phase);
        _time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(clock.Token.IsCancellationRequested);
        _time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.True(clock.Token.IsCancellationRequested);
        Assert.Equal("not finished within 20 s", clock.Describe());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_clients_departure_and_the_servers_end_stop_it_at_once(bool client)
    {
        using var source = new CancellationTokenSource();
        using AttemptClock clock = client ? Start(client: source.Token) : Start(server: source.Token);

        source.Cancel();

        Assert.True(clock.Token.IsCancellationRequested);
    }

    [Fact]
    public void One_that_is_over_hears_nothing_more()
    {
        using var client = new CancellationTokenSource();
        AttemptClock clock = Start(client.Token);
        CancellationToken token = clock.Token;

        clock.Dispose();
        _time.Advance(TimeSpan.FromSeconds(100));
        client.Cancel();

        Assert.False(token.IsCancellationRequested);
    }
}

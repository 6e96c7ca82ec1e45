using Forebay.Core.Serving.Health;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Health;

public sealed class OutlierDetectionTests
{
    private static readonly HealthRulesConfig Rules = new();

    private static Peer Peer(int good = 100, int bad = 0, double slowdown = 1, bool open = false, int places = 10) =>
        new(places, open, good, bad, slowdown, 100);

    private static OutCause[] Step(params Peer[] peers)
    {
        var causes = new OutCause[peers.Length];
        int taken = OutlierDetection.Step(peers, Rules, causes);
        Assert.Equal(taken, causes.Count(c => c != OutCause.None));
        return causes;
    }

    [Fact]
    public void One_that_fails_far_more_than_the_other_goes() =>
        Assert.Equal([OutCause.PeerFailures, OutCause.None], Step(Peer(70, 30), Peer(99, 1)));

    [Fact]
    public void Where_all_fail_alike_none_goes() =>
        Assert.All(Step(Peer(60, 40), Peer(65, 35), Peer(55, 45)), c => Assert.Equal(OutCause.None, c));

    [Fact]
    public void What_may_be_chance_takes_nobody_out() =>
        Assert.All(Step(Peer(16, 5), Peer(21, 0)), c => Assert.Equal(OutCause.None, c));

    [Fact]
    public void One_that_slowed_down_alone_goes_and_where_all_did_none()
    {
        Assert.Equal([OutCause.None, OutCause.PeerSlowdown], Step(Peer(slowdown: 1.2), Peer(slowdown: 8)));
        Assert.All(Step(Peer(slowdown: 7), Peer(slowdown: 8), Peer(slowdown: 9)), c => Assert.Equal(OutCause.None, c));
    }

    [Fact]
    public void The_last_one_and_a_single_one_stay()
    {
        Assert.All(Step(Peer(0, 100), Peer(open: true)), c => Assert.Equal(OutCause.None, c));
        Assert.All(Step(Peer(0, 100)), c => Assert.Equal(OutCause.None, c));
    }

    [Fact]
    public void Never_more_goes_than_the_bound_allows() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        Peer[] peers =
        [
            .. Enumerable.Range(0, random.Next(1, 40)).Select(_ => new Peer(
                random.Next(1, 300),
                random.Next(6) == 0,
                random.Next(200),
                random.Next(3) == 0 ? random.Next(200) : 0,
                Math.Exp(random.NextDouble() * 6 - 2),
                random.Next(100))),
        ];
        HealthRulesConfig rules = Rules with { MaxEjectedShare = random.NextDouble() };
        var causes = new OutCause[peers.Length];
        OutlierDetection.Step(peers, rules, causes);
        long before = peers.Where(p => p.IsOpen).Sum(p => (long)p.Places);
        long taken = peers.Where((_, i) => causes[i] != OutCause.None).Sum(p => (long)p.Places);
        int count = causes.Count(c => c != OutCause.None);
        bool oneStays = count == 0 || peers.Where((p, i) => !p.IsOpen && causes[i] == OutCause.None).Any();
        bool withinShare = count == 0
            || (count == 1 && before == 0)
            || before + taken <= rules.MaxEjectedShare * peers.Sum(p => (long)p.Places);
        bool onlyThoseIn = !peers.Where((p, i) => p.IsOpen && causes[i] != OutCause.None).Any();
        return oneStays && withinShare && onlyThoseIn;
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));
}

using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Serving.Links;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Transfers;

public sealed class TransferTests
{
    private const double MegabytePerSecondMbps = 8;
    private static readonly TransferPolicy Policy = new();
    private static readonly LinkShare All = new(MostShare: 1, LeastShare: 0.05);

    private static readonly WeightsFile File3 = new(
        new string('a', 64), 25, 10, [new string('b', 64), new string('c', 64), new string('d', 64)], new Uri("http://hub/w"));

    [Fact]
    public void A_constant_link_takes_size_over_share_of_bandwidth()
    {
        LinkSchedule link = Constant(MegabytePerSecondMbps);

        TransferForecast half = TransferEstimate.Of(10_000_000, link, new LinkShare(0.5), 1_000, 0.09m);

        Assert.Equal(1_000 + 20_000, half.DoneUnixMs);
        Assert.Equal(0.0009m, half.EgressUsd);
        Assert.Equal(0, half.OutageMs);

        // Traffic goes first, down to the least share.
        Assert.Equal(40_000, TransferEstimate.Of(10_000_000, link, All, 0, 0, 750_000).DoneUnixMs);
        Assert.Equal(200_000, TransferEstimate.Of(10_000_000, link, All, 0, 0, 5_000_000).DoneUnixMs);
        Assert.Equal(20_000, TransferEstimate.Of(10_000_000, link, All, 0, transfers: 2).DoneUnixMs);
    }

    [Fact]
    public void Outages_are_waited_out_and_counted()
    {
        LinkSchedule link = Steps(60, (0, true), (10, false), (50, true));

        // 20 s at 1 MB/s of every 60 s: 30 MB is one period (20 MB) and half of the next.
        TransferForecast forecast = TransferEstimate.Of(30_000_000, link, All, 0);

        Assert.Equal(60_000 + 10_000, forecast.DoneUnixMs);
        Assert.Equal(40_000, forecast.OutageMs);
    }

    [Fact]
    public void A_link_that_never_carries_it_has_no_end() => Assert.Multiple(
        () => Assert.Null(TransferEstimate.Of(1, Steps(60, (0, false)), All, 0).DoneUnixMs),
        () => Assert.Null(TransferEstimate.Of(1, Steps(null, (0, false)), All, 0).DoneUnixMs),
        () => Assert.Null(TransferEstimate.Of(50_000_000, Steps(null, (0, true), (10, false)), All, 0).DoneUnixMs),
        () => Assert.Equal(7, TransferEstimate.Of(0, Steps(60, (0, false)), All, 7).DoneUnixMs));

    [Fact]
    public void Skipping_whole_periods_says_what_walking_them_says() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            double period = random.Next(20, 200);
            int steps = random.Next(1, 6);
            (double At, bool Up)[] all =
            [
                .. Enumerable.Range(0, steps).Select(i => (i * period / steps, i == 0 || random.Next(2) == 0)),
            ];
            LinkSchedule link = Steps(period, all);
            long start = random.Next(0, 1_000_000);
            long bytes = random.Next(1, 300) * 1_000_000L;

            double left = bytes;
            long now = start;
            while (left > 0)
            {
                LinkState state = link.At(now);
                long until = Math.Min(state.UntilUnixMs, now + 1_000);
                double perMs = All.RateOf(state, 0) / 1000;
                if (perMs > 0 && left <= perMs * (until - now))
                {
                    now += (long)Math.Ceiling(left / perMs);
                    break;
                }

                left -= perMs * (until - now);
                now = until;
            }

            return Math.Abs(TransferEstimate.Of(bytes, link, All, start).DoneUnixMs!.Value - now) <= 2;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Parts_count_only_when_verified_and_a_wrong_one_is_fetched_again_a_bounded_number_of_times()
    {
        TransferProgress p = TransferProgress.Begin(File3, 0).Received(10, true, 1).PartVerified(File3, 1);
        Assert.Equal((1, 10L, 10L), (p.VerifiedParts, p.VerifiedBytes(File3), p.SentBytes));

        p = p.Received(10, true, 2).PartWrong(File3, Policy).Received(10, true, 3).PartWrong(File3, Policy);
        Assert.Equal((TransferPhase.Fetching, 1, 30L), (p.Phase, p.VerifiedParts, p.SentBytes));

        TransferProgress good = p.PartVerified(File3, 4);
        Assert.Equal(0, good.BadInARow);
        Assert.Equal(TransferPhase.Verifying, good.PartVerified(File3, 5).Phase);

        TransferProgress bad = p.PartWrong(File3, Policy);
        Assert.Equal(TransferPhase.Failed, bad.Phase);
        Assert.Contains("part 1", bad.Reason, StringComparison.Ordinal);
        Assert.Contains(File3.HashOf(1)!, bad.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cut_each_minute_never_fails_it_while_something_comes_and_silence_does()
    {
        TransferProgress p = TransferProgress.Begin(File3, 0);
        long now = 0;
        for (int i = 0; i < 1_000; i++, now += 60_000)
        {
            p = p.Received(1, true, now).Cut("cut", gotBytes: true, retryable: true, Policy, now, 0.5);
            Assert.Equal(TransferPhase.Fetching, p.Phase);
            Assert.InRange(p.NotBeforeUnixMs - now, 1, Policy.FirstWaitMs);
        }

        for (int i = 0; i < 200 && p.Phase == TransferPhase.Fetching; i++, now += 30_000)
        {
            // A source that sends what is there already is no progress.
            p = p.Received(5, false, now).Cut("refused", gotBytes: false, retryable: true, Policy, now, 0.5);
            Assert.True(p.NotBeforeUnixMs - now <= Policy.MaxWaitMs);
        }

        Assert.Equal(TransferPhase.Failed, p.Phase);
        Assert.Contains("refused", p.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Waiting_for_a_link_that_is_known_to_be_down_is_no_silence()
    {
        TransferProgress p = TransferProgress.Begin(File3, 0).LinkDown(10_000_000, 9_000_000);

        Assert.Equal(10_000_000, p.NotBeforeUnixMs);
        Assert.Equal(
            TransferPhase.Fetching, p.Cut("cut", false, true, Policy, 9_000_001, 0).Phase);
    }

    [Fact]
    public void A_wrong_whole_is_fetched_anew_once_and_a_broken_order_of_steps_is_refused()
    {
        WeightsFile plain = File3 with { PartSha256 = [] };
        TransferProgress p = TransferProgress.Begin(plain, 0)
            .PartVerified(plain, 0).PartVerified(plain, 0).PartVerified(plain, 0);

        TransferProgress again = p.WholeWrong(plain, Policy);
        Assert.Equal((TransferPhase.Fetching, 0), (again.Phase, again.VerifiedParts));
        TransferProgress over = again.PartVerified(plain, 0).PartVerified(plain, 0).PartVerified(plain, 0)
            .WholeWrong(plain, Policy);
        Assert.Equal(TransferPhase.Failed, over.Phase);
        Assert.Throws<InvalidOperationException>(() => p.PartVerified(plain, 0));
        Assert.Throws<InvalidOperationException>(() => TransferProgress.Begin(plain, 0).WholeVerified());
    }

    [Fact]
    public void The_least_recently_used_goes_first_and_never_what_is_in_use()
    {
        CachedWeights[] cached =
        [
            new("a", 40, 30, false), new("b", 30, 10, true), new("c", 20, 20, false),
        ];

        Assert.Empty(WeightsCache.MakeRoom(cached, 10, 100).Evict);
        Assert.Equal(["c"], WeightsCache.MakeRoom(cached, 30, 100).Evict);
        Assert.Equal(["c", "a"], WeightsCache.MakeRoom(cached, 70, 100).Evict);
        EvictionPlan no = WeightsCache.MakeRoom(cached, 71, 100);
        Assert.Empty(no.Evict);
        Assert.Contains("30 are in use", no.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_manifest_says_all_that_is_wrong_with_it()
    {
        Assert.Empty(File3.Check());
        Assert.Equal(4, new WeightsFile("x", -1, 0, [], new Uri("ftp://a/b")).Check().Count);
        Assert.Contains("2 part checksums for 3 parts", (File3 with { PartSha256 = File3.PartSha256[..2] }).Check()[0],
            StringComparison.Ordinal);
    }

    private static LinkSchedule Constant(double mbps) => LinkSchedule.Compile(new LinkConfig { BandwidthMbps = mbps });

    private static LinkSchedule Steps(double? period, params (double At, bool Up)[] steps) =>
        LinkSchedule.Compile(new LinkConfig
        {
            RepeatSeconds = period,
            Steps =
            [
                .. steps.Select(s => new LinkStepConfig
                {
                    AtSeconds = s.At, Available = s.Up, BandwidthMbps = MegabytePerSecondMbps,
                }),
            ],
        });
}

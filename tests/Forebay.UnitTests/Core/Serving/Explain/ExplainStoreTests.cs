using Forebay.Core.Serving.Explain;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Explain;

public sealed class ExplainStoreTests
{
    [Theory]
    [InlineData(0.0)]
    [InlineData(0.01)]
    [InlineData(0.25)]
    [InlineData(1.0)]
    public void The_share_kept_by_chance_is_the_share_asked(double share)
    {
        var store = new ExplainStore();
        var random = new Random(7);
        int kept = Enumerable.Range(0, 100_000).Count(_ => store.CauseFor(
            new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()), "acme", share, 0) is not null);

        Assert.InRange(kept / 100_000.0, share * 0.9, share * 1.1);
    }

    [Fact]
    public void Watching_ends_by_itself_and_what_is_over_makes_room()
    {
        var store = new ExplainStore();
        for (int i = 0; i < ExplainStore.MaxWatched; i++)
        {
            Assert.True(store.Watch($"t{i}", untilNs: 100 + i, nowNs: 0));
        }

        Assert.False(store.Watch("more", 1000, 0));
        Assert.Equal(ExplainCause.Tenant, store.CauseFor(uint.MaxValue, "t0", 0, 99));
        Assert.Null(store.CauseFor(uint.MaxValue, "t0", 0, 100));
        Assert.True(store.Watch("more", 1000, 100));
    }

    [Fact]
    public async Task Many_keeping_at_once_never_pass_the_bound()
    {
        var store = new ExplainStore();
        const long bound = 100_000;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                var story = new Explanation(new UInt128((ulong)thread, (ulong)i), 0, ExplainCause.Sampled, late: false);
                story.Add(new ExplainStep(0, "end", new string('x', i % 500)));
                store.Keep(story, bound);
                Assert.InRange(store.Bytes, 0, bound);
            }
        })));

        Assert.Equal(store.Bytes, store.Latest(int.MaxValue, null).Sum(s => s.Bytes));
    }
}

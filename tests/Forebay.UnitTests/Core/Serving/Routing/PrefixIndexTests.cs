using Forebay.Core.Serving.Routing;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Routing;

public sealed class PrefixIndexTests
{
    private readonly CacheClock[] _clocks = [.. Enumerable.Range(0, 300).Select(_ => new CacheClock(10_000))];
    private readonly OverlapMap _found = new();

    private int Overlap(PrefixIndex index, ulong[] prompt, int deployment)
    {
        _found.Clear();
        index.Match(prompt, _clocks, _found);
        return _found[deployment];
    }

    [Fact]
    public void What_was_sent_is_found_as_far_as_it_agrees()
    {
        var index = new PrefixIndex(100_000);
        index.Insert(RouterFleet.Prompt(1, 30), 3, ref _clocks[3]);
        index.Insert(RouterFleet.Prompt(1, 20), 4, ref _clocks[4]);
        ulong[] other = [.. RouterFleet.Prompt(1, 12), .. RouterFleet.Prompt(2, 12)];

        Assert.Equal(30, Overlap(index, RouterFleet.Prompt(1, 64), 3));
        Assert.Equal(20, Overlap(index, RouterFleet.Prompt(1, 64), 4));
        Assert.Equal(12, Overlap(index, other, 3));
        Assert.Equal(0, Overlap(index, RouterFleet.Prompt(2, 64), 3));
        Assert.Equal(0, Overlap(index, RouterFleet.Prompt(1, 64), 5));
    }

    [Theory]
    [InlineData(30, 30)]
    [InlineData(503, 496)]
    [InlineData(1003, 1000)]
    [InlineData(5503, 5472)]
    public void Of_a_long_prompt_the_overlap_is_known_to_a_few_percent(int blocks, int known)
    {
        var index = new PrefixIndex(100_000);
        index.Insert(RouterFleet.Prompt(1, blocks), 3, ref _clocks[3]);

        Assert.Equal(known, Overlap(index, RouterFleet.Prompt(1, 6000), 3));
        Assert.Equal(
            Enumerable.Range(0, blocks).Where(PrefixIndex.IsKept).Sum(PrefixIndex.Span), (int)_clocks[3].Now);
    }

    [Fact]
    public void A_cache_forgets_what_was_not_used_while_as_much_as_it_holds_came_in()
    {
        var index = new PrefixIndex(100_000);
        _clocks[1] = new CacheClock(1000);
        index.Insert(RouterFleet.Prompt(1, 400), 1, ref _clocks[1]);
        index.Insert(RouterFleet.Prompt(2, 400), 1, ref _clocks[1]);
        Assert.Equal(400, Overlap(index, RouterFleet.Prompt(1, 400), 1));

        // Used again: what is older goes first, and of the oldest the end before the beginning.
        index.Insert(RouterFleet.Prompt(1, 400), 1, ref _clocks[1]);
        index.Insert(RouterFleet.Prompt(3, 400), 1, ref _clocks[1]);
        Assert.Equal(400, Overlap(index, RouterFleet.Prompt(1, 400), 1));
        Assert.InRange(Overlap(index, RouterFleet.Prompt(2, 400), 1), 0, 399);

        index.Insert(RouterFleet.Prompt(4, 1000), 1, ref _clocks[1]);
        Assert.Equal(0, Overlap(index, RouterFleet.Prompt(1, 400), 1));
        Assert.InRange(Overlap(index, RouterFleet.Prompt(4, 1000), 1), 992, 1000);
    }

    [Fact]
    public void A_block_that_everyone_holds_is_found_for_everyone()
    {
        var index = new PrefixIndex(100_000);
        for (int deployment = 0; deployment < 300; deployment++)
        {
            ulong[] prompt = [.. RouterFleet.Prompt(1, 8), .. RouterFleet.Prompt(100 + (ulong)deployment, 8)];
            index.Insert(prompt, deployment, ref _clocks[deployment]);
        }

        ulong[] asked = [.. RouterFleet.Prompt(1, 8), .. RouterFleet.Prompt(107, 8)];
        Assert.Equal(16, Overlap(index, asked, 7));
        Assert.All(Enumerable.Range(8, 292), d => Assert.Equal(8, _found[d]));
    }

    [Fact]
    public void It_never_grows_and_keeps_what_is_used_most_lately()
    {
        var index = new PrefixIndex(4096, hotBlocks: 8);
        long bytes = index.Bytes;
        ulong[] kept = RouterFleet.Prompt(1, 32);
        _clocks[0] = new CacheClock(int.MaxValue);
        for (ulong seed = 10; seed < 3010; seed++)
        {
            index.Insert(RouterFleet.Prompt(seed, 32), 0, ref _clocks[0]);
            if (seed % 20 == 0)
            {
                index.Insert(kept, 0, ref _clocks[0]);
            }
        }

        Assert.Equal(bytes, index.Bytes);
        Assert.Equal(32, Overlap(index, kept, 0));
        Assert.Equal(0, Overlap(index, RouterFleet.Prompt(11, 32), 0));
    }

    [Fact]
    public void A_million_blocks_fit_in_64_bytes_each()
    {
        var index = new PrefixIndex(1_000_000);
        CacheClock[] clocks = [.. Enumerable.Range(0, 64).Select(_ => new CacheClock(100_000))];
        const int Prompts = 31_250;
        for (int i = 0; i < Prompts; i++)
        {
            index.Insert(RouterFleet.Prompt((ulong)i + 1000, 32), i % 64, ref clocks[i % 64]);
        }

        int found = 0;
        for (int i = 0; i < Prompts; i++)
        {
            _found.Clear();
            index.Match(RouterFleet.Prompt((ulong)i + 1000, 32), clocks, _found);
            found += _found[i % 64];
        }

        Assert.InRange(index.Bytes / 1_000_000.0, 40, 64);
        Assert.InRange(found, 0.98 * 32 * Prompts, 32 * Prompts);
    }

    [Fact]
    public void Writers_and_readers_may_race()
    {
        var index = new PrefixIndex(4096, hotBlocks: 4);
        Parallel.For(0, 8, worker =>
        {
            var found = new OverlapMap();
            for (int i = 0; i < 2000; i++)
            {
                ulong[] prompt = RouterFleet.Prompt((ulong)((i * 7 + worker) % 50), 40);
                index.Insert(prompt, (i + worker) % 40, ref _clocks[(i + worker) % 40]);
                found.Clear();
                index.Match(prompt, _clocks, found);
                Assert.All(Enumerable.Range(0, 40), d => Assert.InRange(found[d], 0, 40));
            }
        });
    }

    /// <summary>Prompts that branch off each other, sent to four deployments whose caches are small: what is found is what a
    /// dictionary of every kept block says, with clocks of its own.</summary>
    [Fact]
    public void It_finds_what_a_plain_dictionary_does()
    {
        Prop.ForAll<int>(seed =>
        {
            var random = new Random(seed);
            var index = new PrefixIndex(100_000);
            CacheClock[] clocks = [.. Enumerable.Range(0, 4).Select(_ => new CacheClock(1500))];
            CacheClock[] plain = [.. clocks];
            var held = new Dictionary<(ulong Hash, int Deployment), uint>();
            for (int i = 0; i < 60; i++)
            {
                ulong[] prompt =
                [
                    .. RouterFleet.Prompt((ulong)random.Next(3), random.Next(500)),
                    .. RouterFleet.Prompt((ulong)random.Next(10, 13), random.Next(100)),
                ];
                int[] kept = [.. Enumerable.Range(0, prompt.Length).Where(PrefixIndex.IsKept).Reverse()];
                _found.Clear();
                index.Match(prompt, clocks, _found);
                for (int d = 0; d < clocks.Length; d++)
                {
                    int deepest = kept.FirstOrDefault(
                        b => held.TryGetValue((prompt[b], d), out uint stamp) && plain[d].Holds(stamp), -1);
                    Assert.Equal(deepest + 1, _found[d]);
                }

                int to = random.Next(clocks.Length);
                index.Insert(prompt, to, ref clocks[to]);
                foreach (int block in kept)
                {
                    uint? before = held.TryGetValue((prompt[block], to), out uint stamp) ? stamp : null;
                    plain[to].Advance(before, PrefixIndex.Span(block));
                    held[(prompt[block], to)] = plain[to].Now;
                }
            }
        }).QuickCheckThrowOnFailure();
    }
}

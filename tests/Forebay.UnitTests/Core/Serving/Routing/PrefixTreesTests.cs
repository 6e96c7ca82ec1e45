using Forebay.Core.Serving.Routing;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Routing;

public sealed class PrefixTreesTests
{
    /// <summary>Against the plain definition: the longest beginning that any prompt sent there has in common.</summary>
    [Fact]
    public void A_match_is_the_longest_beginning_sent_there_before() =>
        Prop.ForAll(Gen.Choose(0, 1_000_000).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            var trees = new PrefixTrees();
            var sent = new List<(int Number, ulong[] Prompt)>();
            var overlaps = new OverlapMap();
            for (int i = 0; i < 30; i++)
            {
                ulong[] prompt = Prompt(random);
                overlaps.Clear();
                trees.Match(prompt, overlaps);
                for (int number = 0; number < 4; number++)
                {
                    int expected = sent.Where(s => s.Number == number)
                        .Select(s => s.Prompt.Zip(prompt).TakeWhile(p => p.First == p.Second).Count())
                        .DefaultIfEmpty()
                        .Max();
                    Assert.Equal(expected, overlaps[number]);
                    Assert.Equal(
                        sent.Where(s => s.Number == number).SelectMany(s => s.Prompt).Distinct().Count(), trees.SizeOf(number));
                }

                sent.Add((random.Next(4), prompt));
                trees.Insert(prompt, sent[^1].Number);
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_end_of_what_was_used_longest_ago_goes_first()
    {
        var trees = new PrefixTrees(blocksPerDeployment: 6);
        trees.Insert([1, 2, 3, 4], 0);
        trees.Insert([11, 12], 0);
        Assert.Equal(6, trees.SizeOf(0));
        trees.Insert([21, 22], 0);
        Assert.Equal(6, trees.SizeOf(0));
        Assert.Equal((2, 2, 2), (Matched(1, 2, 3, 4), Matched(11, 12), Matched(21, 22)));

        // Used again, it is the others that give way.
        trees.Insert([1, 2, 3], 0);
        Assert.Equal((3, 1, 2), (Matched(1, 2, 3, 4), Matched(11, 12), Matched(21, 22)));
        trees.Insert([31, 32, 33, 34, 35, 36, 37, 38], 0);
        Assert.Equal((0, 6), (Matched(1, 2, 3), Matched(31, 32, 33, 34, 35, 36, 37, 38)));

        int Matched(params ulong[] prompt)
        {
            var overlaps = new OverlapMap();
            trees.Match(prompt, overlaps);
            return overlaps[0];
        }
    }

    /// <summary>A path in a random tree of four branches: what stands before a block is part of its hash.</summary>
    private static ulong[] Prompt(Random random)
    {
        var prompt = new ulong[random.Next(7)];
        ulong chain = 1;
        for (int i = 0; i < prompt.Length; i++)
        {
            prompt[i] = chain = chain * 4 + (ulong)random.Next(4);
        }

        return prompt;
    }
}

using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Pins;

public sealed class PinMapTests
{
    private static readonly Account[] Accounts =
        [.. Enumerable.Range(0, 3).Select(i => new Account($"p{i}", "api.test", "env:KEY"))];

    [Fact]
    public void A_key_differs_by_tenant_and_value()
    {
        Assert.Equal(PinKey.Of("acme", "abc"u8), PinKey.Of("acme", "abc"u8));
        Assert.NotEqual(PinKey.Of("acme", "abc"u8), PinKey.Of("acmf", "abc"u8));
        Assert.NotEqual(PinKey.Of("acme", "abc"u8), PinKey.Of("acme", "abd"u8));
        // The tenant's end is the value's beginning.
        Assert.NotEqual(PinKey.Of("a", "\0b"u8), PinKey.Of("ab", ""u8));
    }

    [Fact]
    public void Any_order_of_calls_finds_what_a_list_in_order_of_use_would()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            int max = 16 * random.Next(1, 6);
            long timeToLive = random.Next(1, 400);
            var map = new PinMap();
            // One list for each shard, the most recently used last.
            var model = new List<(PinKey Key, Account Account, long Used)>[16];
            for (int i = 0; i < 16; i++)
            {
                model[i] = [];
            }

            long now = 0;
            for (int step = 0; step < 600; step++)
            {
                now += random.Next(3);
                var key = new PinKey((UInt128)random.Next(200));
                List<(PinKey Key, Account Account, long Used)> shard = model[(int)(key.Hash & 15)];
                int at = shard.FindIndex(e => e.Key == key);
                if (random.Next(2) == 0)
                {
                    Account account = Accounts[random.Next(3)];
                    map.Add(key, account, now, max);
                    if (at >= 0)
                    {
                        shard.RemoveAt(at);
                    }

                    while (shard.Count >= max / 16)
                    {
                        shard.RemoveAt(0);
                    }

                    shard.Add((key, account, now));
                }
                else
                {
                    shard.RemoveAll(e => now - e.Used > timeToLive);
                    at = shard.FindIndex(e => e.Key == key);
                    Account? expected = at < 0 ? null : shard[at].Account;
                    Assert.True(expected == map.Find(key, now, timeToLive), $"seed {seed}, step {step}");
                    if (at >= 0)
                    {
                        shard.RemoveAt(at);
                        shard.Add((key, expected!, now));
                    }
                }

                Assert.True(map.Count == model.Sum(s => s.Count) && map.Count <= max, $"seed {seed}, step {step}");
            }
        }
    }

    [Fact]
    public async Task Threads_at_once_never_pass_the_bound_or_find_another_account()
    {
        var map = new PinMap();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            var random = new Random(thread);
            for (int i = 0; i < 20_000; i++)
            {
                int value = random.Next(500);
                var key = new PinKey((UInt128)value);
                map.Add(key, Accounts[value % 3], i, 160);
                Account? found = map.Find(new PinKey((UInt128)random.Next(500)), i, 1_000_000);
                Account? own = map.Find(key, i, 1_000_000);
                Assert.True(own is null || own == Accounts[value % 3]);
                Assert.True(found is null || Array.IndexOf(Accounts, found) >= 0);
            }
        })));

        Assert.InRange(map.Count, 1, 160);
    }

    [Fact]
    public void Nothing_is_remembered_where_nothing_may_be()
    {
        var map = new PinMap();

        map.Add(new PinKey(1), Accounts[0], 0, 0);

        Assert.Equal(0, map.Count);
    }
}

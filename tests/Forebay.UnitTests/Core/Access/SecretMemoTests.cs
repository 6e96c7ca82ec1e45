using Forebay.Core.Access;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Access;

public sealed class SecretMemoTests
{
    [Fact]
    public void It_says_what_hashing_says_whatever_came_before() => Prop.ForAll<string[]>(secrets =>
    {
        var memo = new SecretMemo();
        return secrets.SelectMany(s => (string?[])[s, s]).All(secret =>
        {
            bool expected = SecretHash.TryCompute(secret, out SecretHash hash);
            return memo.TryHash(secret, out SecretHash found) == expected && (!expected || found == hash);
        });
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("fb-one", "fb-two")]
    [InlineData("fb-one", "fb-on")]
    [InlineData("fb-one", "fb-one-and-more")]
    public void Another_secret_gets_its_own_hash(string first, string second)
    {
        var memo = new SecretMemo();
        Assert.True(memo.TryHash(first, out SecretHash one));
        Assert.True(memo.TryHash(second, out SecretHash two));
        Assert.NotEqual(one, two);
        Assert.True(memo.TryHash(first, out SecretHash again));
        Assert.Equal(one, again);
    }

    [Fact]
    public void What_is_no_secret_is_none_after_one_that_was()
    {
        var memo = new SecretMemo();
        Assert.True(memo.TryHash("fb-one", out _));
        Assert.False(memo.TryHash("", out _));
        Assert.False(memo.TryHash(new string('x', 257), out _));
    }
}

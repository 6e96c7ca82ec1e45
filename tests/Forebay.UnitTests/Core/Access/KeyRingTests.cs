using Forebay.Core.Access;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Access;

public sealed class KeyRingTests
{
    private static ApiKey Key(string secret, long? expires = null, long? revoked = null)
    {
        Assert.True(SecretHash.TryCompute(secret, out SecretHash hash));
        return new ApiKey("key_" + secret, "acme", "n", hash, "fb-", 0, expires, revoked, null);
    }

    [Fact]
    public void A_key_is_valid_until_it_expires_or_is_revoked()
    {
        var ring = new KeyRing([Key("fb-a"), Key("fb-b", expires: 1000), Key("fb-c", revoked: 1000)]);

        Assert.Equal(KeyCheck.Valid, ring.Check("fb-a", new Instant(0, 5000), out _));
        Assert.Equal(KeyCheck.Valid, ring.Check("fb-b", new Instant(0, 999), out _));
        Assert.Equal(KeyCheck.Expired, ring.Check("fb-b", new Instant(0, 1000), out _));
        Assert.Equal(KeyCheck.Revoked, ring.Check("fb-c", new Instant(0, 1000), out _));
    }

    [Fact]
    public void What_is_missing_unknown_or_absurdly_long_matches_nothing()
    {
        var ring = new KeyRing([Key("fb-a")]);

        Assert.Equal(KeyCheck.Missing, ring.Check("", default, out _));
        Assert.Equal(KeyCheck.Unknown, ring.Check("fb-A", default, out ApiKey? key));
        Assert.Null(key);
        Assert.Equal(KeyCheck.Unknown, ring.Check(new string('x', 100_000), default, out _));
    }

    [Fact]
    public void A_hash_survives_its_bytes()
    {
        Assert.True(SecretHash.TryCompute("fb-a", out SecretHash hash));
        Assert.Equal(hash, SecretHash.FromBytes(hash.ToBytes()));
    }
}

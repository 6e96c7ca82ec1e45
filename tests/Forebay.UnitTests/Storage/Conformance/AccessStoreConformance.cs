using Forebay.Core.Access;
using Xunit;

namespace Forebay.UnitTests.Storage.Conformance;

/// <summary>What every store of keys and tokens does.</summary>
public abstract class AccessStoreConformance : IAsyncLifetime
{
    private protected abstract IAccessStore Store { get; }

    public abstract ValueTask InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await DisposeCoreAsync();
    }

    /// <summary>Opens the same store anew, as the next process does.</summary>
    private protected abstract Task ReopenAsync();

    private protected abstract ValueTask DisposeCoreAsync();

    [Fact]
    public async Task A_key_reads_back_as_saved_also_by_the_next_process()
    {
        ApiKey full = Key("key_1", "secret-1") with
        {
            ExpiresUnixMs = 5, RevokedUnixMs = 6, Models = ["model/a", "model \"b\""], ReplacedBy = "key_2",
        };
        ApiKey bare = Key("key_2", "secret-2");
        await Store.SaveKeyAsync(full, default);
        await Store.SaveKeyAsync(bare, default);

        await ReopenAsync();

        IReadOnlyList<ApiKey> keys = await Store.ListKeysAsync(default);
        Assert.Equal(2, keys.Count);
        Assert.Equal(full with { Models = null }, keys[0] with { Models = null });
        Assert.Equal(full.Models, keys[0].Models);
        Assert.Equal(bare, keys[1]);
    }

    [Fact]
    public async Task A_key_that_may_use_no_model_is_not_one_that_may_use_all()
    {
        await Store.SaveKeyAsync(Key("key_1", "secret-1") with { Models = [] }, default);

        Assert.Equal([], (await Store.ListKeysAsync(default))[0].Models);
    }

    [Fact]
    public async Task Saving_an_id_again_replaces_it()
    {
        ApiKey key = Key("key_1", "secret-1");
        await Store.SaveKeyAsync(key, default);
        await Store.SaveKeyAsync(key with { Name = "renamed", RevokedUnixMs = 9 }, default);

        ApiKey only = Assert.Single(await Store.ListKeysAsync(default));
        Assert.Equal("renamed", only.Name);
        Assert.Equal(9, only.RevokedUnixMs);
    }

    [Fact]
    public async Task Two_keys_never_share_a_secret()
    {
        await Store.SaveKeyAsync(Key("key_1", "same"), default);

        await Assert.ThrowsAnyAsync<Exception>(() => Store.SaveKeyAsync(Key("key_2", "same"), default));

        Assert.Single(await Store.ListKeysAsync(default));
    }

    [Theory]
    [InlineData(AdminRole.Viewer)]
    [InlineData(AdminRole.Operator)]
    [InlineData(AdminRole.Admin)]
    public async Task A_token_reads_back_with_its_role(AdminRole role)
    {
        var token = new AdminToken("tok_1", "ops", role, HashOf("secret"), "sec", 1, 2, 3);
        await Store.SaveTokenAsync(token, default);

        await ReopenAsync();

        Assert.Equal([token], await Store.ListTokensAsync(default));
    }

    private static ApiKey Key(string id, string secret) =>
        new(id, "tenant", "name", HashOf(secret), "sec", 1, null, null, null);

    private static SecretHash HashOf(string secret)
    {
        Assert.True(SecretHash.TryCompute(secret, out SecretHash hash));
        return hash;
    }
}

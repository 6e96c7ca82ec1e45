using Forebay.Control.Access;
using Forebay.Control.Errors;
using Forebay.Core.Access;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Control.Access;

public sealed class KeyServiceTests : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly AccessFixture _access = new();

    public void Dispose() => _access.Dispose();

    [Fact]
    public async Task A_created_key_works_at_once_and_its_secret_is_stored_nowhere()
    {
        IssuedKey issued = await CreateAsync();

        Assert.Matches("^fb-[0-9A-Za-z]{40}$", issued.Secret);
        Assert.Matches("^key_[0-9a-z]{12}$", issued.Key.Id);
        Assert.Equal(issued.Secret[..7], issued.Key.Hint);
        Assert.Equal(KeyCheck.Valid, Check(issued.Secret));
        Assert.DoesNotContain(issued.Secret, Assert.Single(_access.Audit.Entries).DetailJson, StringComparison.Ordinal);
        ApiKey stored = Assert.Single(await _access.Store.ListKeysAsync(None));
        Assert.DoesNotContain(issued.Secret, stored.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_problem_of_a_request_is_reported_at_once()
    {
        var request = new KeyRequest("nobody", new string('x', 65), ["deep", "nope"], _access.Time.GetUtcNow());

        RefusedException e = await Assert.ThrowsAsync<RefusedException>(
            () => _access.Keys.CreateAsync(request, "me", None));

        Assert.Equal(["tenant", "name", "expires", "models[1]"], e.Problems.Select(p => p.Field));
        Assert.Empty(_access.Audit.Entries);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("line\nbreak")]
    public void A_name_must_be_printable(string name) =>
        Assert.Equal("name", Assert.Single(_access.Keys.Check(new KeyRequest("acme", name))).Field);

    [Fact]
    public void A_key_cannot_allow_more_than_its_tenant_may() =>
        Assert.Equal("models[0]", Assert.Single(_access.Keys.Check(new KeyRequest("globex", "ci", ["deep"]))).Field);

    [Fact]
    public void An_empty_list_of_models_is_refused() =>
        Assert.Equal("models", Assert.Single(_access.Keys.Check(new KeyRequest("acme", "ci", []))).Field);

    [Fact]
    public async Task Aliases_are_stored_as_the_models_they_name()
    {
        IssuedKey issued = await _access.Keys.CreateAsync(
            new KeyRequest("acme", "ci", ["swift-latest", "swift"]), "me", None);

        Assert.Equal(["swift"], issued.Key.Models);
    }

    [Fact]
    public async Task After_rotation_both_keys_work_until_the_overlap_has_passed()
    {
        IssuedKey old = await CreateAsync();

        IssuedKey fresh = await _access.Keys.RotateAsync(old.Key.Id, TimeSpan.FromHours(2), "me", None);

        Assert.NotEqual(old.Key.Id, fresh.Key.Id);
        Assert.Equal((KeyCheck.Valid, KeyCheck.Valid), (Check(old.Secret), Check(fresh.Secret)));
        _access.Time.Advance(TimeSpan.FromHours(2));
        Assert.Equal((KeyCheck.Expired, KeyCheck.Valid), (Check(old.Secret), Check(fresh.Secret)));
    }

    [Fact]
    public async Task A_key_that_was_rotated_is_not_rotated_again_but_its_successor_is()
    {
        IssuedKey old = await CreateAsync();
        IssuedKey fresh = await _access.Keys.RotateAsync(old.Key.Id, TimeSpan.FromHours(24), "me", None);

        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(
            () => _access.Keys.RotateAsync(old.Key.Id, TimeSpan.FromHours(24), "me", None));
        IssuedKey third = await _access.Keys.RotateAsync(fresh.Key.Id, TimeSpan.FromHours(24), "me", None);

        Assert.Contains(fresh.Key.Id, refused.Message, StringComparison.Ordinal);
        Assert.Null(third.Key.ExpiresUnixMs);
    }

    [Fact]
    public async Task Rotation_never_lengthens_the_old_key_and_gives_the_new_one_the_same_lifetime()
    {
        DateTimeOffset start = _access.Time.GetUtcNow();
        IssuedKey old = await CreateAsync(start.AddHours(10));
        _access.Time.Advance(TimeSpan.FromHours(9));

        IssuedKey fresh = await _access.Keys.RotateAsync(old.Key.Id, TimeSpan.FromHours(24), "me", None);

        Assert.Equal(start.AddHours(10).ToUnixTimeMilliseconds(), fresh.Replaced!.ExpiresUnixMs);
        Assert.Equal(start.AddHours(19).ToUnixTimeMilliseconds(), fresh.Key.ExpiresUnixMs);
    }

    [Fact]
    public async Task A_revoked_key_stops_at_once_and_can_be_neither_rotated_nor_revoked_again()
    {
        IssuedKey key = await CreateAsync();

        await _access.Keys.RevokeAsync(key.Key.Id, "me", None);

        Assert.Equal(KeyCheck.Revoked, Check(key.Secret));
        Assert.Equal(RefusalKind.Conflict, await RefusalOf(() => _access.Keys.RevokeAsync(key.Key.Id, "me", None)));
        Assert.Equal(
            RefusalKind.Conflict,
            await RefusalOf(() => _access.Keys.RotateAsync(key.Key.Id, TimeSpan.Zero, "me", None)));
    }

    [Fact]
    public async Task What_does_not_exist_cannot_be_changed() => Assert.Equal(
        RefusalKind.NotFound,
        await RefusalOf(() => _access.Keys.RevokeAsync("key_missing", "me", None)));

    [Fact]
    public async Task Without_an_audit_log_nothing_changes()
    {
        IssuedKey key = await CreateAsync();
        _access.Audit.WriteFailure = new IOException("disk full");

        Assert.Equal(RefusalKind.Unavailable, await RefusalOf(() => CreateAsync()));
        Assert.Equal(RefusalKind.Unavailable, await RefusalOf(() => _access.Keys.RevokeAsync(key.Key.Id, "me", None)));

        Assert.Equal(KeyCheck.Valid, Check(key.Secret));
        Assert.Single(await _access.Store.ListKeysAsync(None));
    }

    [Fact]
    public async Task A_change_that_cannot_be_stored_is_audited_as_failed_and_not_in_force()
    {
        IssuedKey key = await CreateAsync();
        _access.Store.WriteFailure = new IOException("disk full");

        await Assert.ThrowsAsync<IOException>(() => _access.Keys.RevokeAsync(key.Key.Id, "me", None));

        Assert.Equal(KeyCheck.Valid, Check(key.Secret));
        Assert.Equal(
            ["key.create", "key.revoke", "key.revoke.failed"],
            _access.Audit.Entries.Select(e => e.Action));
    }

    [Fact]
    public async Task Racing_changes_all_take_effect()
    {
        IssuedKey[] issued = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => CreateAsync())));

        Assert.All(issued, i => Assert.Equal(KeyCheck.Valid, Check(i.Secret)));
        Assert.Null(await _access.Audit.VerifyAsync(None));
    }

    [Fact]
    public async Task Stored_keys_are_in_force_after_loading()
    {
        IssuedKey key = await CreateAsync();
        _access.Fleet.Keys = KeyRing.Empty;

        await _access.Keys.LoadAsync(None);

        Assert.Equal(KeyCheck.Valid, Check(key.Secret));
    }

    private Task<IssuedKey> CreateAsync(DateTimeOffset? expires = null) =>
        _access.Keys.CreateAsync(new KeyRequest("acme", "ci", null, expires), "me", None);

    private KeyCheck Check(string secret) => _access.Fleet.Keys.Check(secret, Instant.From(_access.Time), out _);

    private static async Task<RefusalKind> RefusalOf(Func<Task> act) =>
        (await Assert.ThrowsAsync<RefusedException>(act)).Kind;
}

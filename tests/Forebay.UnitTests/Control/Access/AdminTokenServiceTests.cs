using Forebay.Control.Access;
using Forebay.Control.Errors;
using Forebay.Core.Access;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Control.Access;

public sealed class AdminTokenServiceTests : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly AccessFixture _access = new();

    public void Dispose() => _access.Dispose();

    [Fact]
    public async Task A_token_is_found_by_its_secret_only()
    {
        IssuedToken issued = await CreateAsync(AdminRole.Operator);

        Assert.Matches("^fbadm-[0-9A-Za-z]{40}$", issued.Secret);
        Assert.Equal(issued.Token, _access.Tokens.Find(issued.Secret));
        Assert.Null(_access.Tokens.Find(issued.Secret.AsSpan(..^1)));
        Assert.Null(_access.Tokens.Find(""));
        Assert.Null(_access.Tokens.Find(new string('x', 10_000)));
    }

    [Fact]
    public async Task The_last_usable_admin_token_stays()
    {
        IssuedToken first = await CreateAsync(AdminRole.Admin);
        IssuedToken brief = await CreateAsync(AdminRole.Admin, _access.Time.GetUtcNow().AddHours(1));
        await CreateAsync(AdminRole.Operator);
        _access.Time.Advance(TimeSpan.FromHours(1));

        RefusedException e = await Assert.ThrowsAsync<RefusedException>(
            () => _access.Tokens.RevokeAsync(first.Token.Id, "me", None));
        Assert.Equal(RefusalKind.Conflict, e.Kind);
        Assert.False(_access.Tokens.IsUsable(brief.Token));

        await CreateAsync(AdminRole.Admin);
        AdminToken revoked = await _access.Tokens.RevokeAsync(first.Token.Id, "me", None);
        Assert.False(_access.Tokens.IsUsable(revoked));
    }

    [Fact]
    public async Task Of_two_admins_that_revoke_each_other_one_stays()
    {
        IssuedToken a = await CreateAsync(AdminRole.Admin);
        IssuedToken b = await CreateAsync(AdminRole.Admin);

        Task[] races = [RevokeAsync(a), RevokeAsync(b)];
        await Assert.ThrowsAsync<RefusedException>(() => Task.WhenAll(races));

        Assert.Single(_access.Tokens.List(), _access.Tokens.IsUsable);

        Task RevokeAsync(IssuedToken token) => Task.Run(() => _access.Tokens.RevokeAsync(token.Token.Id, "me", None));
    }

    [Fact]
    public async Task The_token_file_is_kept_while_it_works_and_private()
    {
        using var folder = new TemporaryFolder();

        string first = await AdminTokenFile.EnsureAsync(folder.Path, _access.Tokens, None);
        string again = await AdminTokenFile.EnsureAsync(folder.Path, _access.Tokens, None);
        await CreateAsync(AdminRole.Admin);
        await _access.Tokens.RevokeAsync(_access.Tokens.Find(first)!.Id, "me", None);
        string replaced = await AdminTokenFile.EnsureAsync(folder.Path, _access.Tokens, None);

        Assert.Equal(first, again);
        Assert.NotEqual(first, replaced);
        Assert.Equal(replaced, AdminTokenFile.Read(folder.Path));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite,
                File.GetUnixFileMode(folder.File(AdminTokenFile.Name)));
        }
    }

    private Task<IssuedToken> CreateAsync(AdminRole role, DateTimeOffset? expires = null) =>
        _access.Tokens.CreateAsync("t", role, expires, "me", None);
}

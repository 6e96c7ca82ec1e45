using Forebay.Gateway.Providers;
using Forebay.Gateway.Providers.Credentials;
using Forebay.TestKit.Time;
using Xunit;

namespace Forebay.UnitTests.Gateway.Providers;

public sealed class RefreshedTokenTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly ManualTime _time = new();
    private readonly CancellationToken _cancel = TestContext.Current.CancellationToken;
    private int _fetched;

    [Fact]
    public async Task A_token_is_fetched_once_for_all_who_wait_for_the_first()
    {
        var gate = new TaskCompletionSource();
        using var token = new RefreshedToken(
            async _ =>
            {
                await gate.Task;
                return Next(Hour);
            },
            _time);

        Task<AccessToken>[] waiting = [.. Enumerable.Range(0, 50).Select(_ => token.GetAsync(_cancel).AsTask())];
        gate.SetResult();

        AccessToken[] got = await Task.WhenAll(waiting);
        Assert.Single(got.Distinct());
        Assert.Equal("Bearer t1", got[0].Header);
        Assert.True(token.GetAsync(_cancel).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task It_is_renewed_before_it_expires_without_anybody_asking()
    {
        using var token = new RefreshedToken(_ => Task.FromResult(Next(Hour)), _time);
        Assert.Equal("Bearer t1", (await token.GetAsync(_cancel)).Header);

        _time.Advance(TimeSpan.FromMinutes(54));
        Assert.Equal("Bearer t1", (await token.GetAsync(_cancel)).Header);
        _time.Advance(TimeSpan.FromMinutes(1));
        await UntilAsync(token, "Bearer t2");
        _time.Advance(TimeSpan.FromMinutes(55));
        await UntilAsync(token, "Bearer t3");
    }

    [Fact]
    public async Task While_fetching_fails_the_token_held_is_used_to_its_end_and_then_requests_fail_at_once_with_why()
    {
        bool fails = false;
        using var token = new RefreshedToken(
            _ => fails ? Task.FromException<AccessToken>(new ProviderCredentialException("the key is gone")) : Fetch(Hour),
            _time);
        await token.GetAsync(_cancel);
        fails = true;

        _time.Advance(TimeSpan.FromMinutes(58));
        Assert.Equal("Bearer t1", (await token.GetAsync(_cancel)).Header);
        _time.Advance(TimeSpan.FromMinutes(2));
        ProviderCredentialException failure = await Assert.ThrowsAsync<ProviderCredentialException>(
            () => token.GetAsync(_cancel).AsTask());
        Assert.Equal("the key is gone", failure.Message);

        // It comes back by itself.
        fails = false;
        await _time.AdvanceUntilAsync(TimeSpan.FromSeconds(5), () => Volatile.Read(ref _fetched) == 2);
        await UntilAsync(token, "Bearer t2");
    }

    [Fact]
    public async Task A_token_endpoint_that_fails_is_not_asked_by_every_request()
    {
        int asked = 0;
        using var token = new RefreshedToken(
            _ =>
            {
                Interlocked.Increment(ref asked);
                return Task.FromException<AccessToken>(new HttpRequestException("refused"));
            },
            _time);
        for (int i = 0; i < 200; i++)
        {
            await Assert.ThrowsAsync<ProviderCredentialException>(() => token.GetAsync(_cancel).AsTask());
        }

        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task What_a_provider_refused_is_renewed_once_whoever_reports_it()
    {
        using var token = new RefreshedToken(_ => Fetch(Hour), _time);
        string refused = (await token.GetAsync(_cancel)).Header;

        bool[] renewed = await Task.WhenAll(
            Enumerable.Range(0, 30).Select(_ => token.RenewAsync(refused, _cancel).AsTask()));

        Assert.All(renewed, Assert.True);
        Assert.Equal(2, _fetched);
        Assert.Equal("Bearer t2", (await token.GetAsync(_cancel)).Header);
        Assert.True(await token.RenewAsync(refused, _cancel));
        Assert.Equal(2, _fetched);
    }

    [Fact]
    public async Task One_that_cannot_be_renewed_fails_with_why_and_is_not_used_again()
    {
        bool fails = false;
        using var token = new RefreshedToken(
            _ => fails ? Task.FromException<AccessToken>(new ProviderCredentialException("revoked")) : Fetch(Hour), _time);
        string refused = (await token.GetAsync(_cancel)).Header;
        fails = true;

        await Assert.ThrowsAsync<ProviderCredentialException>(() => token.RenewAsync(refused, _cancel).AsTask());
        await Assert.ThrowsAsync<ProviderCredentialException>(() => token.GetAsync(_cancel).AsTask());
    }

    [Fact]
    public async Task Who_gives_up_waiting_leaves_the_fetch_to_the_others()
    {
        var gate = new TaskCompletionSource();
        using var token = new RefreshedToken(
            async _ =>
            {
                await gate.Task;
                return Next(Hour);
            },
            _time);
        using var gone = new CancellationTokenSource();
        Task<AccessToken> impatient = token.GetAsync(gone.Token).AsTask();
        Task<AccessToken> patient = token.GetAsync(_cancel).AsTask();

        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        gate.SetResult();
        Assert.Equal("Bearer t1", (await patient).Header);
    }

    [Theory]
    [InlineData(3600, 3300)]
    [InlineData(300, 150)]
    [InlineData(86400, 86100)]
    public void It_is_renewed_five_minutes_before_its_end_or_after_half_of_a_short_life(int lifeSeconds, int renewAfter)
    {
        DateTimeOffset now = _time.GetUtcNow();
        var token = new AccessToken("t", now.AddSeconds(lifeSeconds));
        Assert.Equal(now.AddSeconds(renewAfter), token.RenewAt(now));
    }

    private AccessToken Next(TimeSpan life) =>
        new($"t{Interlocked.Increment(ref _fetched)}", _time.GetUtcNow() + life);

    private Task<AccessToken> Fetch(TimeSpan life) => Task.FromResult(Next(life));

    /// <summary>Fetches go on in the pool.</summary>
    private async Task UntilAsync(RefreshedToken token, string header)
    {
        while ((await token.GetAsync(_cancel)).Header != header)
        {
            await Task.Yield();
        }
    }
}

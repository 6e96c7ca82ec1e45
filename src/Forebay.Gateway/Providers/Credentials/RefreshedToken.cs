using System.Net.Http.Headers;

namespace Forebay.Gateway.Providers.Credentials;

/// <summary>
/// The token that an upstream's requests carry: fetched when the upstream opens, and anew before it expires, by one
/// fetch at a time, in the background. A request takes what is held; it waits only where nothing is held yet, and never
/// blocks a thread. While fetching fails, the token held is used until it expires; from then on requests fail at once
/// with what the last fetch failed for, and fetching is tried again at growing intervals.
/// </summary>
internal sealed class RefreshedToken : IDisposable
{
    private const string Authorization = "Authorization";

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Func<CancellationToken, Task<AccessToken>> _fetch;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly CancellationTokenSource _closed = new();
    private readonly Lock _lock = new();
    private AccessToken? _held;
    private Task<AccessToken>? _fetching;
    private ProviderCredentialException? _failure;
    private DateTimeOffset _nextTry;
    private TimeSpan _pause = FirstPause;
    private bool _disposed;

    /// <param name="fetch">Gets a new token. What it throws other than <see cref="ProviderCredentialException"/> is
    /// taken for a failure of the way there.</param>
    /// <param name="time">Clock and timers.</param>
    public RefreshedToken(Func<CancellationToken, Task<AccessToken>> fetch, TimeProvider time)
    {
        _fetch = fetch;
        _time = time;
        _timer = time.CreateTimer(static self => ((RefreshedToken)self!).OnTimer(), this, Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
        _ = Begin();
    }

    /// <summary>The token to send now.</summary>
    /// <exception cref="ProviderCredentialException">None can be had.</exception>
    public ValueTask<AccessToken> GetAsync(CancellationToken cancel)
    {
        AccessToken? held = Volatile.Read(ref _held);
        return held is not null && _time.GetUtcNow() < held.Expires ? new(held) : new(WaitAsync(cancel));
    }

    /// <summary>Adds the token to a request. Completes at once where one is held.</summary>
    /// <exception cref="ProviderCredentialException">None can be had.</exception>
    public ValueTask AuthorizeAsync(HttpRequestMessage request, CancellationToken cancel)
    {
        ValueTask<AccessToken> token = GetAsync(cancel);
        if (!token.IsCompletedSuccessfully)
        {
            return AuthorizeAsync(request, token);
        }

        request.Headers.TryAddWithoutValidation(Authorization, token.Result.Header);
        return ValueTask.CompletedTask;
    }

    /// <summary>Called when a provider refused the token of a request: gets another one, once, whoever asks. True where
    /// there is one that has not been refused yet.</summary>
    /// <param name="refused">The provider's answer.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="ProviderCredentialException">None can be had.</exception>
    public ValueTask<bool> RenewAsync(HttpResponseMessage refused, CancellationToken cancel) => RenewAsync(
        refused.RequestMessage is { } sent
            && sent.Headers.NonValidated.TryGetValues(Authorization, out HeaderStringValues values)
            ? values.ToString()
            : null,
        cancel);

    /// <summary>Gets another token than the one that was refused.</summary>
    /// <param name="refusedHeader">What was sent.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="ProviderCredentialException">None can be had.</exception>
    public async ValueTask<bool> RenewAsync(string? refusedHeader, CancellationToken cancel)
    {
        Task<AccessToken> fetching;
        lock (_lock)
        {
            if (_held is { } held && held.Header != refusedHeader)
            {
                return true;
            }

            _held = null;
            if (_failure is { } failure && _time.GetUtcNow() < _nextTry)
            {
                throw Again(failure);
            }

            fetching = Begin();
        }

        await fetching.WaitAsync(cancel);
        return true;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        _closed.Cancel();
        _timer.Dispose();
    }

    private static async ValueTask AuthorizeAsync(HttpRequestMessage request, ValueTask<AccessToken> token) =>
        request.Headers.TryAddWithoutValidation(Authorization, (await token).Header);

    private Task<AccessToken> WaitAsync(CancellationToken cancel)
    {
        Task<AccessToken> fetching;
        lock (_lock)
        {
            if (_fetching is null && _failure is { } failure && _time.GetUtcNow() < _nextTry)
            {
                return Task.FromException<AccessToken>(Again(failure));
            }

            fetching = Begin();
        }

        return fetching.WaitAsync(cancel);
    }

    /// <summary>The fetch under way, or a new one.</summary>
    private Task<AccessToken> Begin()
    {
        lock (_lock)
        {
            if (_fetching is null)
            {
                _fetching = FetchAsync();
                // Whoever waits for it sees what it throws; nobody may be waiting.
                _ = _fetching.ContinueWith(
                    static t => _ = t.Exception,
                    CancellationToken.None,
                    TaskContinuationOptions.OnlyOnFaulted,
                    TaskScheduler.Default);
            }

            return _fetching;
        }
    }

    private async Task<AccessToken> FetchAsync()
    {
        // Signing takes long, and the request that came first must not do it on a thread that waits for sockets.
        await LongWork.ElsewhereAsync();
        AccessToken? token = null;
        ProviderCredentialException? failure = null;
        try
        {
            using var patience = new CancellationTokenSource(Patience, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token, patience.Token);
            token = await _fetch(either.Token);
        }
        catch (ProviderCredentialException e)
        {
            failure = e;
        }
        catch (Exception e)
        {
            failure = new ProviderCredentialException(
                $"no token could be fetched: {(e is OperationCanceledException ? "no answer in time" : e.Message)}", e)
            {
                IsTransient = true,
            };
        }

        lock (_lock)
        {
            _fetching = null;
            DateTimeOffset now = _time.GetUtcNow();
            if (token is not null)
            {
                (_held, _failure, _pause) = (token, null, FirstPause);
                Schedule(token.RenewAt(now) - now);
                return token;
            }

            _failure = failure;
            _nextTry = now + _pause;
            Schedule(_pause);
            _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
        }

        throw failure!;
    }

    private void Schedule(TimeSpan after)
    {
        if (!_disposed)
        {
            _timer.Change(after < TimeSpan.Zero ? TimeSpan.Zero : after, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnTimer()
    {
        if (!_closed.IsCancellationRequested)
        {
            _ = Begin();
        }
    }

    /// <summary>An exception is thrown once; those who come later get one of their own.</summary>
    private static ProviderCredentialException Again(ProviderCredentialException failure) =>
        new(failure.Message, failure.InnerException) { IsTransient = failure.IsTransient };
}

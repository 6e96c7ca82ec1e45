using Forebay.Protocols.Bedrock;

namespace Forebay.Gateway.Providers.Bedrock;

/// <summary>
/// The credentials of one AWS identity, for all deployments that are called as it. They are held ready: found once,
/// then renewed in the background some minutes before they expire, so that no request waits for it. One request at a
/// time looks for them; looking takes no thread that waits for sockets.
/// </summary>
internal sealed class AwsCredentialSource : IDisposable
{
    /// <summary>How long before they expire credentials are renewed; AWS hands out new ones from five minutes before.
    /// </summary>
    private static readonly TimeSpan Early = TimeSpan.FromMinutes(4);

    /// <summary>How soon it is tried again after that failed.</summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(20);

    /// <summary>How long nobody searches after a search failed.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(2);

    /// <summary>Longest that one search may take: the instance's metadata service is asked several times.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly AwsIdentity _identity;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private readonly CancellationTokenSource _closed = new();
    private AwsGrant? _grant;
    private Task<AwsGrant>? _finding;
    private Failure? _failure;

    public AwsCredentialSource(AwsIdentity identity, TimeProvider time)
    {
        _identity = identity;
        _time = time;
        _timer = time.CreateTimer(_ => Renew(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The credentials that are held; null where there are none that are good now.</summary>
    public AwsCredentials? Held =>
        Volatile.Read(ref _grant) is { } grant && !(grant.Until <= _time.GetUtcNow()) ? grant.Credentials : null;

    /// <summary>Credentials; waits only where none are held.</summary>
    /// <exception cref="ProviderCredentialException">There are none.</exception>
    public ValueTask<AwsCredentials> GetAsync(CancellationToken cancel)
    {
        if (Held is { } held)
        {
            return new(held);
        }

        // Who comes right after a search that failed is told what it failed for, and starts none.
        return Volatile.Read(ref _failure) is { } failure && _time.GetUtcNow() < failure.Until
            ? throw new ProviderCredentialException(failure.Message)
            : new(WaitAsync(Find(anew: false), cancel));
    }

    /// <summary>Looks again after credentials were refused.</summary>
    /// <param name="refusedKeyId">The access key they had; each set of temporary credentials has its own.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>Whether there are others now.</returns>
    /// <exception cref="ProviderCredentialException">There are none.</exception>
    public async ValueTask<bool> RenewAsync(string refusedKeyId, CancellationToken cancel)
    {
        if (Held is { } held && held.AccessKeyId != refusedKeyId)
        {
            // Another request noticed first.
            return true;
        }

        return (await WaitAsync(Find(anew: true), cancel)).AccessKeyId != refusedKeyId;
    }

    public void Dispose()
    {
        _closed.Cancel();
        _timer.Dispose();
        _closed.Dispose();
    }

    private static async Task<AwsCredentials> WaitAsync(Task<AwsGrant> finding, CancellationToken cancel) =>
        (await finding.WaitAsync(cancel)).Credentials;

    /// <summary>The search that is on, or a new one.</summary>
    private Task<AwsGrant> Find(bool anew)
    {
        lock (_gate)
        {
            return _finding is { IsCompleted: false } on ? on : _finding = Task.Run(() => FindAsync(anew));
        }
    }

    private async Task<AwsGrant> FindAsync(bool anew)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token);
        cancel.CancelAfter(Patience);
        try
        {
            AwsGrant grant = await _identity.FindAsync(anew, cancel.Token);
            Volatile.Write(ref _grant, grant);
            Volatile.Write(ref _failure, null);
            if (grant.Until is { } until)
            {
                TimeSpan left = until - _time.GetUtcNow() - Early;
                Schedule(left > RetryAfter ? left : RetryAfter);
            }

            return grant;
        }
        catch (OperationCanceledException e)
        {
            string why = $"{_identity.Reference}: AWS credentials were not found within {Patience.TotalSeconds} s";
            Failed(why);
            throw new ProviderCredentialException(why, e);
        }
        catch (ProviderCredentialException e)
        {
            Failed(e.Message);
            throw;
        }
    }

    private void Failed(string why)
    {
        Volatile.Write(ref _failure, new Failure(why, _time.GetUtcNow() + Quiet));
        Schedule(RetryAfter);
    }

    /// <summary>Renews what is held. Where that fails it stays until it expires, and is tried again before.</summary>
    private void Renew() => _ = Find(anew: false).ContinueWith(
        static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted,
        TaskScheduler.Default);

    private void Schedule(TimeSpan due)
    {
        try
        {
            // Credentials that nobody asked for since the last search failed are not searched for on and on.
            if (Volatile.Read(ref _grant) is not null)
            {
                _timer.Change(due, Timeout.InfiniteTimeSpan);
            }
        }
        catch (ObjectDisposedException)
        {
            // Closed meanwhile.
        }
    }

    private sealed record Failure(string Message, DateTimeOffset Until);
}

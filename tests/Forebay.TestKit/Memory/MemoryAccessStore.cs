using Forebay.Core.Access;

namespace Forebay.TestKit.Memory;

/// <summary>Keys and tokens in memory; a write can be made to fail.</summary>
public sealed class MemoryAccessStore : IAccessStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ApiKey> _keys = [];
    private readonly Dictionary<string, AdminToken> _tokens = [];

    /// <summary>Thrown by the next writes while set.</summary>
    public Exception? WriteFailure { get; set; }

    public Task<IReadOnlyList<ApiKey>> ListKeysAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<ApiKey>>([.. _keys.Values]);
        }
    }

    public Task SaveKeyAsync(ApiKey key, CancellationToken cancel) => Save(() => _keys[key.Id] = key);

    public Task<IReadOnlyList<AdminToken>> ListTokensAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<AdminToken>>([.. _tokens.Values]);
        }
    }

    public Task SaveTokenAsync(AdminToken token, CancellationToken cancel) => Save(() => _tokens[token.Id] = token);

    private Task Save(Action write)
    {
        if (WriteFailure is { } failure)
        {
            return Task.FromException(failure);
        }

        lock (_lock)
        {
            write();
        }

        return Task.CompletedTask;
    }
}

namespace Forebay.Core.Access;

/// <summary>Durable store of API keys and admin tokens.</summary>
public interface IAccessStore
{
    Task<IReadOnlyList<ApiKey>> ListKeysAsync(CancellationToken cancel);

    /// <summary>Adds a key, or replaces the one with the same id.</summary>
    Task SaveKeyAsync(ApiKey key, CancellationToken cancel);

    Task<IReadOnlyList<AdminToken>> ListTokensAsync(CancellationToken cancel);

    /// <summary>Adds a token, or replaces the one with the same id.</summary>
    Task SaveTokenAsync(AdminToken token, CancellationToken cancel);
}

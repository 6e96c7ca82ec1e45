using System.Collections.Concurrent;

namespace Forebay.TestKit.Providers.Bedrock;

/// <summary>Who may call the scripted Bedrock, and what its clock says.</summary>
/// <param name="region">The region it is in.</param>
public sealed class BedrockAccount(string region)
{
    private readonly ConcurrentDictionary<string, (string Secret, string? Token)> _keys = new();
    private readonly ConcurrentDictionary<string, bool> _expired = new();

    public string Region => region;

    /// <summary>The Bedrock API key that is taken besides; null for none.</summary>
    public string? ApiKey { get; set; }

    /// <summary>How far its clock is ahead of the machine's.</summary>
    public TimeSpan Ahead { get; set; }

    /// <summary>What its clock says.</summary>
    public DateTimeOffset Now => TimeProvider.System.GetUtcNow() + Ahead;

    /// <summary>Lets a key sign.</summary>
    public void Allow(string accessKeyId, string secret, string? sessionToken = null) =>
        _keys[accessKeyId] = (secret, sessionToken);

    /// <summary>Ends the time of a key.</summary>
    public void Expire(string accessKeyId) => _expired[accessKeyId] = true;

    /// <summary>Forgets a key.</summary>
    public void Revoke(string accessKeyId) => _keys.TryRemove(accessKeyId, out _);

    internal bool TryFind(string accessKeyId, out string secret, out string? token, out bool isExpired)
    {
        bool found = _keys.TryGetValue(accessKeyId, out (string Secret, string? Token) key);
        (secret, token) = found ? key : ("", null);
        isExpired = _expired.ContainsKey(accessKeyId);
        return found;
    }
}

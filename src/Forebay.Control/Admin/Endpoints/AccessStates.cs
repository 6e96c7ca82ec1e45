namespace Forebay.Control.Admin.Endpoints;

/// <summary>The state of a key or token in a word.</summary>
internal static class AccessStates
{
    public static string NameOf(long? expiresUnixMs, long? revokedUnixMs, TimeProvider time)
    {
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        return revokedUnixMs <= now ? "revoked" : expiresUnixMs <= now ? "expired" : "active";
    }

    public static DateTimeOffset? TimeOf(long? unixMs) =>
        unixMs is { } ms ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : null;
}

namespace Forebay.Gateway.Providers.Credentials;

/// <summary>A token that proves for a while who calls.</summary>
/// <param name="value">The token.</param>
/// <param name="expires">When it stops to hold.</param>
internal sealed class AccessToken(string value, DateTimeOffset expires)
{
    private static readonly TimeSpan LongestMargin = TimeSpan.FromMinutes(5);

    /// <summary>What goes into the <c>Authorization</c> header.</summary>
    public string Header { get; } = "Bearer " + value;

    public DateTimeOffset Expires => expires;

    /// <summary>When to get the next one: five minutes before this one expires, or after half of what it had left,
    /// whichever is later.</summary>
    public DateTimeOffset RenewAt(DateTimeOffset now)
    {
        TimeSpan left = expires - now;
        return expires - (left / 2 < LongestMargin ? left / 2 : LongestMargin);
    }
}

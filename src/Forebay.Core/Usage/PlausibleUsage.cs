namespace Forebay.Core.Usage;

/// <summary>Tells counts that an upstream may report from those that are a defect there.</summary>
public static class PlausibleUsage
{
    /// <summary>
    /// Cuts counts to what the model can do: no count below zero, no prompt beyond its context, no answer beyond the
    /// longest it gives. What is too much of a prompt is taken off the plain input first, since cached tokens are a
    /// part that the upstream looked up.
    /// </summary>
    /// <param name="told">As the upstream reported it.</param>
    /// <param name="contextTokens">Longest prompt plus answer of the model.</param>
    /// <param name="maxOutputTokens">Its longest answer.</param>
    /// <param name="implausible">Whether anything was cut.</param>
    public static TokenUsage Of(TokenUsage told, long contextTokens, long maxOutputTokens, out bool implausible)
    {
        long read = Math.Clamp(told.CacheRead, 0, contextTokens);
        long write = Math.Clamp(told.CacheWrite, 0, contextTokens - read);
        long input = Math.Clamp(told.Input, 0, contextTokens - read - write);
        var cut = new TokenUsage(input, read, write, Math.Clamp(told.Output, 0, maxOutputTokens));
        implausible = cut != told;
        return cut;
    }
}

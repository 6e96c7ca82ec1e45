namespace Forebay.Protocols;

/// <summary>
/// What an answer that was gone on with reports in all, as one that never broke off would have: the prompt once, the
/// output of both parts.
/// </summary>
/// <param name="First">What the first part reported: its prompt, where it did before it broke off.</param>
/// <param name="TextTokens">Tokens of the text that the last part was asked to go on with, as counted here.</param>
public readonly record struct ContinuedUsage(WireUsage First, long TextTokens)
{
    /// <summary>How much a provider's count of a text may differ from ours before ours is believed.</summary>
    private const int Slack = 4;

    private bool KnowsPrompt => First.Known && PromptOf(First) > 0;

    /// <summary>Whether no token of the text was counted here, but by those who made and read it.</summary>
    public bool IsCounted(in WireUsage last) => TextTokens == 0 || GrownBy(last) is not null;

    /// <summary>The whole, given the last part's.</summary>
    public WireUsage Of(in WireUsage last)
    {
        long text = TextOf(last);
        if (KnowsPrompt)
        {
            return First with { Output = text + last.Output };
        }

        if (!last.Known)
        {
            return new WireUsage(false, 0, 0, 0, text + last.Output);
        }

        // The last part's prompt held the text: it was not in a cache, or was written to one just now.
        long rest = text;
        long input = Take(last.Input, ref rest);
        long write = Take(last.CacheWrite, ref rest);
        long read = Take(last.CacheRead, ref rest);
        return new WireUsage(true, input, read, write, text + last.Output);
    }

    private long TextOf(in WireUsage last) => TextTokens == 0 ? 0 : GrownBy(last) ?? TextTokens;

    /// <summary>Both prompts were counted by the same tokenizer: what the second is longer by is the text. Null where
    /// that cannot be, as after an edit of the context.</summary>
    private long? GrownBy(in WireUsage last)
    {
        long grown = KnowsPrompt && last.Known ? PromptOf(last) - PromptOf(First) : 0;
        return grown > 0 && grown <= (TextTokens + 16) * Slack ? grown : null;
    }

    private static long Take(long from, ref long rest)
    {
        long taken = Math.Min(from, rest);
        rest -= taken;
        return from - taken;
    }

    private static long PromptOf(in WireUsage usage) => usage.Input + usage.CacheRead + usage.CacheWrite;
}

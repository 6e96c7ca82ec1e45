namespace Forebay.Protocols;

/// <summary>Which part of a list a client asks for.</summary>
/// <param name="Limit">Most items to return.</param>
/// <param name="AfterId">The page right after this item; null for no bound.</param>
/// <param name="BeforeId">The page right before this item; null for no bound. Wins over
/// <paramref name="AfterId"/>.</param>
public readonly record struct ModelPage(int Limit, string? AfterId, string? BeforeId)
{
    /// <summary>Most items that a page may ask for.</summary>
    public const int MaxLimit = 1_000;

    /// <summary>The longest page from the start. Used where a client names no limit: OpenAI's clients do not page, and
    /// Anthropic's take more than they asked for.</summary>
    public static ModelPage Whole => new(MaxLimit, null, null);

    /// <summary>Reads the query values of a list request; absent ones are null.</summary>
    public static bool TryParse(
        string? limit, string? afterId, string? beforeId, out ModelPage page, out RequestProblem problem)
    {
        page = Whole with { AfterId = afterId, BeforeId = beforeId };
        problem = default;
        if (limit is null)
        {
            return true;
        }

        bool good = int.TryParse(limit, out int count) && count is >= 1 and <= MaxLimit;
        page = page with { Limit = count };
        problem = good
            ? default
            : new RequestProblem($"limit: must be a whole number from 1 to {MaxLimit} (found \"{limit}\")", "limit");
        return good;
    }

    /// <summary>The part of a list that this page is.</summary>
    /// <param name="cards">The whole list in the order clients see.</param>
    /// <param name="hasMore">Whether the list goes on in the direction of paging.</param>
    /// <returns>The items; none where the bound names no item of the list.</returns>
    public ReadOnlySpan<ModelCard> Of(ReadOnlySpan<ModelCard> cards, out bool hasMore)
    {
        int start = 0;
        int end = cards.Length;
        hasMore = false;
        if (BeforeId is not null)
        {
            end = IndexOf(cards, BeforeId);
            start = Math.Max(0, end - Limit);
            hasMore = start > 0;
        }
        else
        {
            start = AfterId is null ? 0 : IndexOf(cards, AfterId) is var at and >= 0 ? at + 1 : end;
            end = Math.Min(end, start + Limit);
            hasMore = end < cards.Length;
        }

        return end < start ? [] : cards[start..end];
    }

    private static int IndexOf(ReadOnlySpan<ModelCard> cards, string id)
    {
        for (int i = 0; i < cards.Length; i++)
        {
            if (cards[i].Id == id)
            {
                return i;
            }
        }

        return -1;
    }
}

namespace Forebay.Core.Batches;

/// <summary>A tenant that has items to run.</summary>
/// <param name="Tenant">Its id.</param>
/// <param name="Running">Items of it that run.</param>
/// <param name="Weight">Its tier's weight.</param>
/// <param name="LastStart">When one of its items was started last, in starts.</param>
public readonly record struct BatchContender(string Tenant, int Running, double Weight, long LastStart);

/// <summary>Whose item is next: the tenant with the least running per weight, and of those the one that has waited for
/// the most starts.</summary>
public static class BatchTurn
{
    /// <summary>Orders two tenants.</summary>
    public static int Compare(in BatchContender a, in BatchContender b)
    {
        int order = (a.Running / a.Weight).CompareTo(b.Running / b.Weight);
        order = order != 0 ? order : a.LastStart.CompareTo(b.LastStart);
        return order != 0 ? order : string.CompareOrdinal(a.Tenant, b.Tenant);
    }
}

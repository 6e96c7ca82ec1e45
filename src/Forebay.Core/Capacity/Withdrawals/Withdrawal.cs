using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity.Withdrawals;

/// <summary>Why capacity stops serving.</summary>
public enum WithdrawalKind : byte
{
    /// <summary>We leave in order: nothing new goes there, what is in flight finishes.</summary>
    Drain,

    /// <summary>The provider takes it back, at a time it gave notice of.</summary>
    Reclaim,

    /// <summary>A rehearsal of losing it at once; it comes back by itself.</summary>
    Drill,
}

/// <summary>What a withdrawal names.</summary>
public enum WithdrawalScope : byte
{
    Pool,
    Commitment,
    Site,
    Provider,
    Group,
}

/// <summary>The capacity that a withdrawal takes.</summary>
/// <param name="Scope">What the id names.</param>
/// <param name="Id">An id of the fleet.</param>
public readonly record struct WithdrawalTarget(WithdrawalScope Scope, string Id)
{
    /// <summary>Whether a pool belongs to it.</summary>
    public bool Covers(PoolConfig pool, SiteConfig site, ProviderConfig provider) => Scope switch
    {
        WithdrawalScope.Pool => pool.Id == Id,
        WithdrawalScope.Commitment => pool.Commitment == Id,
        WithdrawalScope.Site => site.Id == Id,
        WithdrawalScope.Provider => provider.Id == Id,
        _ => Array.IndexOf(provider.ConcentrationGroups, Id) >= 0 || Array.IndexOf(site.ConcentrationGroups, Id) >= 0,
    };

    /// <summary>Whether a deployment stands on it.</summary>
    public bool Covers(Deployment deployment) => Covers(deployment.Pool, deployment.Site, deployment.Provider);

    /// <summary>Whether the fleet has what it names.</summary>
    public bool IsIn(FleetConfig fleet)
    {
        string id = Id;
        return Scope switch
        {
            WithdrawalScope.Pool => Array.Exists(fleet.Pools, p => p.Id == id),
            WithdrawalScope.Commitment => Array.Exists(fleet.Commitments, c => c.Id == id),
            WithdrawalScope.Site => Array.Exists(fleet.Sites, s => s.Id == id),
            WithdrawalScope.Provider => Array.Exists(fleet.Providers, p => p.Id == id),
            _ => Array.Exists(fleet.ConcentrationGroups, g => g.Id == id),
        };
    }
}

/// <summary>
/// Capacity that stops serving from a time on: what was asked for. What has come of it is a
/// <see cref="WithdrawalProgress"/>.
/// </summary>
/// <param name="Id">Unique; <c>w-1</c>, <c>w-2</c>, ...</param>
/// <param name="Kind">Why.</param>
/// <param name="Target">What.</param>
/// <param name="Actor">Who asked.</param>
/// <param name="AskedUnixMs">When.</param>
/// <param name="FromUnixMs">From then on nothing new goes there.</param>
/// <param name="CutUnixMs">What is still in flight there then is cut and goes on elsewhere where it can; not before
/// <paramref name="FromUnixMs"/>, and the same for a loss without warning.</param>
/// <param name="ReturnUnixMs">When it serves again; null until somebody returns it.</param>
public sealed record Withdrawal(
    string Id,
    WithdrawalKind Kind,
    WithdrawalTarget Target,
    string Actor,
    long AskedUnixMs,
    long FromUnixMs,
    long CutUnixMs,
    long? ReturnUnixMs)
{
    /// <summary>Days by which a reclaim fell short of the commitment's notice; 0 where it kept it or none is known.
    /// </summary>
    public double ShortNoticeDays { get; init; }

    /// <summary>What is taken of each pool, in its unit; null for all. A part keeps requests from nothing: leases give
    /// way, and placement empties what ran on them.</summary>
    public long? Quantity { get; init; }

    /// <summary>The partner whose record has the provider's notice; null where none has.</summary>
    public string? Partner { get; init; }

    /// <summary>Whether requests are kept from a deployment.</summary>
    public bool Covers(Deployment deployment) => Quantity is null && Target.Covers(deployment);
}

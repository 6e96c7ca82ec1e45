using Forebay.Core.Capacity.Withdrawals;

namespace Forebay.Control.Withdrawals;

/// <summary>Where the contract side of a reclaim is kept.</summary>
public interface IReclaimNotices
{
    /// <summary>The partner that a commitment in the fleet is of; null for one of the fleet file.</summary>
    string? OwnerOf(string commitment);

    /// <summary>Puts on its partner's record what a withdrawal says: the notice, and its end. Asking again changes
    /// nothing.</summary>
    /// <exception cref="Errors.RefusedException">The partner's state does not allow it.</exception>
    Task FollowReclaimAsync(WithdrawalRecord record, CancellationToken cancel);
}

namespace Forebay.Core.Capacity.Withdrawals;

/// <summary>A withdrawal, how far it has come, and what it meant for requests.</summary>
/// <param name="Asked">What was asked for.</param>
/// <param name="Progress">How far it has come.</param>
/// <param name="Report">What it meant so far; null before it was taken out.</param>
public sealed record WithdrawalRecord(Withdrawal Asked, WithdrawalProgress Progress, WithdrawalReport? Report);

/// <summary>Durable store of withdrawals.</summary>
public interface IWithdrawalStore
{
    /// <summary>All of them, in the order they were asked for.</summary>
    Task<IReadOnlyList<WithdrawalRecord>> ListWithdrawalsAsync(CancellationToken cancel);

    /// <summary>Adds one, or replaces what is stored of it. Stored once this returns.</summary>
    Task SaveWithdrawalAsync(WithdrawalRecord record, CancellationToken cancel);
}

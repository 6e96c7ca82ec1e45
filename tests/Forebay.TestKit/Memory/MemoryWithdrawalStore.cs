using Forebay.Core.Capacity.Withdrawals;

namespace Forebay.TestKit.Memory;

/// <summary>Withdrawals in memory.</summary>
public sealed class MemoryWithdrawalStore : IWithdrawalStore
{
    private readonly Lock _lock = new();
    private readonly List<WithdrawalRecord> _records = [];

    public Task<IReadOnlyList<WithdrawalRecord>> ListWithdrawalsAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<WithdrawalRecord>>([.. _records]);
        }
    }

    public Task SaveWithdrawalAsync(WithdrawalRecord record, CancellationToken cancel)
    {
        lock (_lock)
        {
            int at = _records.FindIndex(r => r.Asked.Id == record.Asked.Id);
            if (at < 0)
            {
                _records.Add(record);
            }
            else
            {
                _records[at] = record;
            }
        }

        return Task.CompletedTask;
    }
}

using Forebay.Core.Serving.Permission;

namespace Forebay.TestKit.Memory;

/// <summary>Export masks in memory; a write can be made to fail.</summary>
public sealed class MemoryExportStore : IExportStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ExportDenials> _masks = [];

    /// <summary>Thrown by the next writes while set.</summary>
    public Exception? WriteFailure { get; set; }

    public Task<IReadOnlyList<ExportDenials>> ListExportsAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<ExportDenials>>([.. _masks.Values]);
        }
    }

    public Task SaveExportAsync(ExportDenials mask, CancellationToken cancel)
    {
        if (WriteFailure is { } failure)
        {
            return Task.FromException(failure);
        }

        lock (_lock)
        {
            _masks[mask.Model] = mask;
        }

        return Task.CompletedTask;
    }
}

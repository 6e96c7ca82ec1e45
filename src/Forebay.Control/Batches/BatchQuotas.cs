using Forebay.Core.Batches;
using Forebay.Core.Limits;

namespace Forebay.Control.Batches;

/// <summary>What a tenant may have stored and queued.</summary>
internal sealed class BatchQuotas(BatchDeskParts parts, Func<string, int> queuedOf)
{
    private TierConfig? TierOf(string tenant) => parts.Fleet.Model.FindTenant(tenant)?.Tier;

    public long MostBytes(string tenant) => TierOf(tenant)?.MaxBatchBytes ?? parts.Config.MaxTenantBytes;

    /// <exception cref="BatchRefusedException">That many items more are too many.</exception>
    public void CheckItems(string tenant, int more)
    {
        int queued = queuedOf(tenant);
        if (TierOf(tenant) is { MaxBatchRequests: { } most } tier && (long)queued + more > most)
        {
            throw BatchRefusals.TooManyItems(tier, queued, more);
        }
    }

    /// <summary>Whether that many bytes more fit; the bytes left where they do.</summary>
    /// <exception cref="BatchRefusedException">They do not.</exception>
    public async Task<long> CheckBytesAsync(string tenant, long more, CancellationToken cancel)
    {
        BatchStock stock = await parts.Store.StockAsync(tenant, cancel).ConfigureAwait(false);
        long most = MostBytes(tenant);
        return stock.Bytes + more > most
            ? throw BatchRefusals.TooManyBytes(most, stock.Bytes)
            : most - stock.Bytes;
    }

    /// <exception cref="BatchRefusedException">The tenant has as many files as it may.</exception>
    public async Task CheckFilesAsync(string tenant, CancellationToken cancel)
    {
        BatchStock stock = await parts.Store.StockAsync(tenant, cancel).ConfigureAwait(false);
        if (stock.Files >= parts.Config.MaxTenantFiles)
        {
            throw BatchRefusals.TooManyFiles(parts.Config.MaxTenantFiles);
        }
    }
}

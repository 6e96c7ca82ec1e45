using Forebay.Commands.Connection;
using Forebay.Control.Admin.Contract;
using Forebay.Simulation.Replay.Reports;

namespace Forebay.Commands.Replay;

/// <summary>What the server's usage ledger has of a replay: the rows of the key that was made for the run.</summary>
internal static class ReplayLedger
{
    private const string Completed = "completed";

    /// <summary>Usage is kept by the minute in which a request was accepted; two minutes cover a clock that is behind.
    /// </summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(2);

    /// <summary>The rows by model, provider and backing.</summary>
    /// <exception cref="CommandException">The server is gone or cannot say; the message says why.</exception>
    public static async Task<LedgerRow[]> ReadAsync(BorrowedKey key, ReplayReport report) =>
        Sum(await key.UsageAsync(report.StartedAt - Margin, CancellationToken.None).ConfigureAwait(false));

    internal static LedgerRow[] Sum(IEnumerable<UsageRowView> rows) =>
    [
        .. rows
            .GroupBy(r => (Model: r.Group["model"], Provider: r.Group["provider"], Backing: r.Group["backing"]))
            .OrderBy(g => g.Key.Model, StringComparer.Ordinal)
            .ThenBy(g => g.Key.Provider, StringComparer.Ordinal)
            .ThenBy(g => g.Key.Backing, StringComparer.Ordinal)
            .Select(g =>
            {
                UsageRowView[] completed = [.. g.Where(r => r.Group["outcome"] == Completed)];
                return new LedgerRow(
                    g.Key.Model,
                    g.Key.Provider,
                    g.Key.Backing,
                    completed.Sum(r => r.Requests),
                    g.Sum(r => r.Requests) - completed.Sum(r => r.Requests),
                    completed.Sum(r => r.InputTokens + r.CacheReadTokens + r.CacheWriteTokens),
                    completed.Sum(r => r.CacheReadTokens),
                    completed.Sum(r => r.OutputTokens),
                    g.Sum(r => r.ProviderCostMicros),
                    g.Sum(r => r.CustomerPriceMicros));
            }),
    ];
}

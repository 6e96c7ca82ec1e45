using System.Runtime.CompilerServices;
using Forebay.Core.Limits;
using Forebay.Storage.Journal;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>What limits are rebuilt from. A month of ten thousand tenants is some hundred thousand rows of days; the
/// minutes read reach back hours only.</summary>
internal sealed class SqliteLimitUsage(SqliteStore store, JournalFolder segments, Func<JournalPosition> synced)
    : ILimitUsage
{
    private const long MinuteMs = 60_000;

    public Task<IReadOnlyList<UsageSlice>> ReadSumsAsync(
        UsageGrain grain, long fromUnixMs, CancellationToken cancel) => store.ReadAsync<IReadOnlyList<UsageSlice>>(
        connection =>
        {
            long length = LengthMs(grain);
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = grain switch
            {
                UsageGrain.Minute => """
                    SELECT minute, tenant, model, sum(requests), sum(input + cache_write + output),
                        sum(customer_price_micros)
                    FROM usage_minutes JOIN usage_series ON id = series WHERE minute >= $from AND NOT batch
                    GROUP BY minute, tenant, model
                    """,
                UsageGrain.Hour =>
                    "SELECT hour, tenant, model, requests, tokens, price_micros FROM usage_hours WHERE hour >= $from",
                _ => "SELECT day, tenant, model, requests, tokens, price_micros FROM usage_days WHERE day >= $from",
            };
            command.Parameters.AddWithValue("$from", fromUnixMs / length);
            using SqliteDataReader row = command.ExecuteReader();
            var slices = new List<UsageSlice>();
            while (row.Read())
            {
                slices.Add(new UsageSlice(
                    row.GetString(1), row.GetString(2), row.GetInt64(0) * length,
                    new PeriodUse(row.GetInt64(3), row.GetInt64(4), row.GetInt64(5))));
            }

            return slices;
        },
        cancel);

    public Task<IReadOnlyDictionary<string, long>> ReadOpeningsAsync(long fromUnixMs, CancellationToken cancel) =>
        store.ReadAsync<IReadOnlyDictionary<string, long>>(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText =
                    "SELECT tenant, opened_minute FROM limit_windows WHERE opened_minute >= $from";
                command.Parameters.AddWithValue("$from", fromUnixMs / MinuteMs);
                using SqliteDataReader row = command.ExecuteReader();
                var opened = new Dictionary<string, long>(StringComparer.Ordinal);
                while (row.Read())
                {
                    opened.Add(row.GetString(0), row.GetInt64(1) * MinuteMs);
                }

                return opened;
            },
            cancel);

    public async IAsyncEnumerable<UsageEvent> ReadEventsAsync(
        DateTimeOffset from, [EnumeratorCancellation] CancellationToken cancel)
    {
        JournalPosition end = await Task.Run(synced, cancel).ConfigureAwait(false);
        long first = Array.Find(
            segments.Segments(), s => File.GetLastWriteTimeUtc(segments.FileOf(s)) >= from.UtcDateTime);
        if (first == 0)
        {
            yield break;
        }

        using var reader = new JournalReader(segments, new JournalPosition(first, 0), end, new TextPool());
        while (reader.TryRead(out JournalRecord record))
        {
            cancel.ThrowIfCancellationRequested();
            yield return new UsageEvent(record.Accept, record.Settle);
        }
    }

    private static long LengthMs(UsageGrain grain) => grain switch
    {
        UsageGrain.Minute => MinuteMs,
        UsageGrain.Hour => 60 * MinuteMs,
        _ => 24 * 60 * MinuteMs,
    };
}

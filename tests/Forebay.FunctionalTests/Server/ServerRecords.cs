using Forebay.Core.Usage;
using Forebay.Storage;
using Forebay.Storage.Data;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.FunctionalTests.Server;

/// <summary>What a server that has ended left in its data directory.</summary>
internal static class ServerRecords
{
    /// <summary>Every settled request, in order, straight from the journal.</summary>
    public static async Task<IReadOnlyList<UsageRecord>> ReadAsync(string data)
    {
        using DataDirectory directory = DataDirectory.Open(data);
        await using LocalStore store = await LocalStore.OpenAsync(
            directory, TimeProvider.System, NullLogger.Instance);
        var records = new List<UsageRecord>();
        await foreach (UsageRecord record in store.ReadRequestsAsync(
            DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue))
        {
            records.Add(record);
        }

        return records;
    }

    /// <summary>The id as clients see it in <c>request-id</c>.</summary>
    public static string IdText(this UsageRecord record) => $"req_{record.RequestId:x32}";
}

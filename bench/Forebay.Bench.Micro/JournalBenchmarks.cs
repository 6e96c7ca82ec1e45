using BenchmarkDotNet.Attributes;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.Storage;
using Forebay.Storage.Data;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.Bench.Micro;

/// <summary>Steps 5 and 10: the accept and the usage record of one request, written to a real disk.</summary>
public class JournalBenchmarks
{
    private string _path = "";
    private DataDirectory _directory = null!;
    private LocalStore _store = null!;
    private UInt128 _id;

    [GlobalSetup]
    public void Setup()
    {
        _path = Directory.CreateTempSubdirectory("forebay-journal-").FullName;
        _directory = DataDirectory.Open(_path);
        _store = LocalStore.OpenAsync(_directory, TimeProvider.System, NullLogger.Instance).GetAwaiter().GetResult();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _store.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _directory.Dispose();
        Directory.Delete(_path, recursive: true);
    }

    [Benchmark]
    public void AcceptAndSettle()
    {
        _id++;
        _store.Journal.Accept(new AcceptRecord(_id, 1_790_000_000_000, "acme", "key_1", "atlas", 500, 64));
        _store.Journal.Settle(new UsageRecord
        {
            RequestId = _id,
            AcceptedUnixMs = 1_790_000_000_000,
            Tenant = "acme",
            Key = "key_1",
            Model = "atlas",
            Deployment = "d0",
            Pool = "pool",
            Site = "s",
            Provider = "p",
            Backing = Backing.Real,
            Dialect = Dialect.OpenAi,
            Stream = false,
            Outcome = UsageOutcome.Completed,
            Reason = Reason.None,
            Status = 200,
            Tokens = new TokenUsage(480, 0, 0, 40),
            Estimated = false,
            ProviderCostMicros = 0,
            CustomerPriceMicros = 100,
            TimeToFirstTokenMs = 12,
            TotalMs = 340,
            Attempts = 1,
        });
    }
}

using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Pipes;
using Forebay.Core.Usage;
using Forebay.Storage;
using Forebay.Storage.Data;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.FunctionalTests.Storage;

/// <summary>A real process that writes usage is killed; the next one finds everything whose write returned.</summary>
public sealed class KillTests
{
    private const string FolderVariable = "FOREBAY_TEST_KILL_FOLDER";
    private const string PipeVariable = "FOREBAY_TEST_KILL_PIPE";
    private const byte Accepted = 1;
    private const byte Settled = 2;
    private const int MessageBytes = 9;

    [Fact(Timeout = 120_000)]
    public async Task Killing_the_process_loses_nothing_whose_write_returned()
    {
        string folder = Directory.CreateTempSubdirectory("forebay-kill-").FullName;
        try
        {
            string data = Path.Combine(folder, "data");
            (HashSet<ulong> accepted, HashSet<ulong> settled) = await RunAndKillAsync(data, Path.Combine(folder, "p"));

            using DataDirectory directory = DataDirectory.Open(data);
            await using LocalStore store = await LocalStore.OpenAsync(
                directory, TimeProvider.System, NullLogger.Instance);

            var found = new Dictionary<ulong, UsageRecord>();
            await foreach (UsageRecord r in store.ReadRequestsAsync(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue))
            {
                Assert.True(found.TryAdd((ulong)r.RequestId, r), $"request {r.RequestId} is settled twice");
            }

            Assert.Empty(store.Recovery.Damage);
            Assert.All(accepted, id => Assert.True(found.ContainsKey(id), $"accept {id} is lost"));
            Assert.All(settled, id => Assert.Equal(
                (UsageOutcome.Completed, (long)id), (found[id].Outcome, found[id].Tokens.Output)));
            IReadOnlyList<UsageRow> rows = await store.Ledger.QueryAsync(
                new UsageQuery(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue, []), default);
            Assert.Equal(
                (found.Count, found.Values.Sum(r => r.Tokens.Output)),
                (rows.Sum(r => r.Requests), rows.Sum(r => r.Tokens.Output)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The process that is killed: this test program, asked for this one method.</summary>
    [Fact(Explicit = true)]
    public async Task Write_usage_until_killed()
    {
        string? data = Environment.GetEnvironmentVariable(FolderVariable);
        Assert.SkipWhen(data is null, "runs only as the child of the test above");
        await using var pipe = new NamedPipeClientStream(
            ".", Environment.GetEnvironmentVariable(PipeVariable)!, PipeDirection.Out);
        await pipe.ConnectAsync();
        using DataDirectory directory = DataDirectory.Open(data!);
        await using LocalStore store = await LocalStore.OpenAsync(
            directory, TimeProvider.System, NullLogger.Instance,
            new LocalStoreOptions { SegmentBytes = 200_000, FoldInterval = TimeSpan.FromMilliseconds(20) });
        ulong next = 0;
        var saying = new Lock();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            while (true)
            {
                ulong id = Interlocked.Increment(ref next);
                store.Journal.Accept(new AcceptRecord(id, 1_772_366_400_000, "t", "k", "m", 1, 1));
                Say(Accepted, id);
                store.Journal.Settle(new UsageRecord
                {
                    RequestId = id, AcceptedUnixMs = 1_772_366_400_000, Tenant = "t", Key = "k", Model = "m",
                    Outcome = UsageOutcome.Completed, Tokens = new TokenUsage(0, 0, 0, (long)id),
                });
                Say(Settled, id);
            }
        })));

        void Say(byte what, ulong id)
        {
            Span<byte> message = stackalloc byte[MessageBytes];
            message[0] = what;
            BinaryPrimitives.WriteUInt64LittleEndian(message[1..], id);
            lock (saying)
            {
                pipe.Write(message);
            }
        }
    }

    private static async Task<(HashSet<ulong> Accepted, HashSet<ulong> Settled)> RunAndKillAsync(
        string data, string pipeName)
    {
        const int enough = 20_000;
        await using var pipe = new NamedPipeServerStream(pipeName, PipeDirection.In, 1);
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Forebay.FunctionalTests"))
        {
            RedirectStandardOutput = true,
            Environment = { [FolderVariable] = data, [PipeVariable] = pipeName },
        };
        foreach (string argument in (string[])
            ["-explicit", "only", "-method", $"*.{nameof(KillTests)}.{nameof(Write_usage_until_killed)}"])
        {
            start.ArgumentList.Add(argument);
        }

        using Process child = Process.Start(start)!;
        Task connected = pipe.WaitForConnectionAsync();
        if (await Task.WhenAny(connected, child.WaitForExitAsync()) != connected)
        {
            Assert.Fail($"The child ended: {await child.StandardOutput.ReadToEndAsync()}");
        }

        var accepted = new HashSet<ulong>();
        var settled = new HashSet<ulong>();
        byte[] message = new byte[MessageBytes];
        int messages = 0;
        while (await pipe.ReadAtLeastAsync(message, MessageBytes, throwOnEndOfStream: false) == MessageBytes)
        {
            ulong id = BinaryPrimitives.ReadUInt64LittleEndian(message.AsSpan(1));
            Assert.True((message[0] == Accepted ? accepted : settled).Add(id));
            if (++messages == enough)
            {
                child.Kill();
            }
        }

        await child.WaitForExitAsync();
        Assert.True(messages >= enough, $"The child ended early: {await child.StandardOutput.ReadToEndAsync()}");
        return (accepted, settled);
    }
}

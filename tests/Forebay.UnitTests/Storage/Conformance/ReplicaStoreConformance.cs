using System.Collections.Immutable;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Execution;
using Forebay.Core.Serving;
using Forebay.Storage;
using Xunit;

namespace Forebay.UnitTests.Storage.Conformance;

/// <summary>What every store of replicas and transfers does.</summary>
public abstract class ReplicaStoreConformance : IAsyncLifetime
{
    private protected abstract IReplicaStore Replicas { get; }

    private protected abstract ITransferStore Transfers { get; }

    public abstract ValueTask InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await DisposeCoreAsync();
    }

    private protected abstract Task ReopenAsync();

    private protected abstract ValueTask DisposeCoreAsync();

    [Fact]
    public async Task A_replica_comes_back_as_it_was()
    {
        ReplicaState state = ReplicaState.Plan(Wanted("r1"), 5) with
        {
            Phase = ReplicaPhase.Draining,
            Generation = 3,
            DeadlineUnixMs = 9,
            Failures = 2,
            NotBeforeUnixMs = 7,
            After = AfterStop.Replace,
            WarmedGeneration = 3,
            Held = true,
            RestartGeneration = 3,
            Reason = "because",
        };
        await Replicas.SaveReplicasAsync([state, ReplicaState.Plan(Wanted("r0"), 1)], [], default);
        await ReopenAsync();

        IReadOnlyList<ReplicaState> all = await Replicas.ListReplicasAsync(default);

        Assert.Equal(["r0", "r1"], all.Select(r => r.Id));
        Assert.Equal(state with { Spec = all[1].Spec }, all[1]);
        Assert.Equal(state.Spec.Fingerprint(), all[1].Spec.Fingerprint());
        Assert.Equivalent(state.Spec, all[1].Spec, strict: true);
        Assert.Equal(state.Spec.Weights[0].Transfer.File.PartSha256.AsEnumerable(),
            all[1].Spec.Weights[0].Transfer.File.PartSha256);
    }

    [Fact]
    public async Task Changes_and_removals_are_made_together_or_not_at_all()
    {
        ReplicaState old = ReplicaState.Plan(Wanted("r1"), 1) with { Generation = 4 };
        await Replicas.SaveReplicasAsync([old, ReplicaState.Plan(Wanted("r2"), 1)], [], default);

        // A generation never goes back: what is stored with it is not stored either.
        await Assert.ThrowsAsync<StorageException>(() => Replicas.SaveReplicasAsync(
            [ReplicaState.Plan(Wanted("r3"), 1), old with { Generation = 3 }], ["r2"], default));
        Assert.Equal(["r1", "r2"], (await Replicas.ListReplicasAsync(default)).Select(r => r.Id));

        await Replicas.SaveReplicasAsync([old with { Generation = 5 }], ["r2"], default);
        Assert.Equal(("r1", 5L), Assert.Single((await Replicas.ListReplicasAsync(default)).Select(r => (r.Id, r.Generation))));
    }

    [Fact]
    public async Task A_replica_that_was_not_warmed_up_cannot_be_stored_as_ready() =>
        await Assert.ThrowsAsync<StorageException>(() => Replicas.SaveReplicasAsync(
            [ReplicaState.Plan(Wanted("r1"), 1) with { Phase = ReplicaPhase.Ready, Generation = 2, WarmedGeneration = 1 }],
            [],
            default));

    [Fact]
    public async Task A_transfer_comes_back_as_it_was_and_can_be_removed()
    {
        TransferSpec spec = Wanted("r1").Weights[0].Transfer;
        var stored = new StoredTransfer(
            spec,
            TransferProgress.Begin(spec.File, 3).Received(10, true, 4).PartVerified(spec.File, 5)
                .Cut("why", true, true, new TransferPolicy(), 6, 0.5),
            77);
        await Transfers.SaveTransferAsync(stored with { UsedUnixMs = 1 }, default);
        await Transfers.SaveTransferAsync(stored, default);
        await ReopenAsync();

        StoredTransfer back = Assert.Single(await Transfers.ListTransfersAsync(default));
        Assert.Equal((stored.Progress, 77L), (back.Progress, back.UsedUnixMs));
        Assert.Equivalent(stored.Spec, back.Spec, strict: true);

        await Transfers.RemoveTransferAsync(spec.Key, default);
        await Transfers.RemoveTransferAsync(spec.Key, default);
        Assert.Empty(await Transfers.ListTransfersAsync(default));
    }

    private static ReplicaWanted Wanted(string id) => new()
    {
        Id = id,
        Model = "atlas",
        Version = "1",
        Build = "fp8",
        Pool = "p",
        Site = "s",
        Resources = new WorkResources("H100-SXM", 8),
        Program = "vllm",
        Arguments = ["serve", "{weights}"],
        Environment = ImmutableSortedDictionary<string, string>.Empty.Add("A", "b"),
        Secrets = ImmutableSortedDictionary<string, string>.Empty.Add("TOKEN", "env:HUB_TOKEN"),
        Weights =
        [
            new ReplicaWeights("w", new TransferSpec(
                new WeightsFile(new string('a', 64), 25, 10, [new('b', 64), new('c', 64), new('d', 64)], new Uri("http://hub/w")),
                new TransferRoute("hub", "s", 0.09m))),
        ],
        HealthPath = "/ping",
        Dialects = [Dialect.Anthropic, Dialect.OpenAi],
        UpstreamModel = "up",
        MaxConcurrency = 9,
        Backing = Backing.Emulated,
        Warmup = new WarmupObjective(1, 2, 3),
    };
}

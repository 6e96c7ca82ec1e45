using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;

namespace Forebay.UnitTests.Core.Capacity.Replicas;

internal static class ReplicaWanteds
{
    public static ReplicaWanted Of(string id = "r1", string program = "engine", bool weights = true) => new()
    {
        Id = id,
        Model = "atlas",
        Version = "1",
        Pool = "p",
        Site = "s",
        Program = program,
        Arguments = ["--port", "{port}"],
        Weights = weights
            ? [new ReplicaWeights("w", new TransferSpec(
                new WeightsFile(new string('a', 64), 10, 4, [], new Uri("file:///w")), new TransferRoute("hub", "s", 0)))]
            : [],
    };
}

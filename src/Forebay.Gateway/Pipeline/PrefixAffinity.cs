using System.Runtime.InteropServices;
using Forebay.Core.Serving.Routing;
using Forebay.Gateway.Bodies;
using Forebay.Protocols;

namespace Forebay.Gateway.Pipeline;

/// <summary>Hashes the prompt's prefix where there is a choice between deployments; <see cref="Router.TieBreaker"/>
/// decides by it.</summary>
internal static class PrefixAffinity
{
    /// <summary>A million bytes of text; what follows decides nothing.</summary>
    private const int MostBlocks = 16 * 1024;

    /// <summary>The number that breaks ties: the prefix's where there are one and a choice, else the request's.
    /// </summary>
    public static uint TieBreaker(Exchange x, GatewayRuntime runtime)
    {
        uint byTurns = (uint)x.Id;
        long expected = Math.Min(MostBlocks, x.Facts.EstimatedInputTokens / PromptBlocks.TokensPerBlock + 1);
        if (x.Eligible.Count < 2 || expected < 2)
        {
            return byTurns;
        }

        using var memory = new PooledBuffer(runtime.Memory, x.Settings.MemoryBudgetBytes);
        if (!memory.TryReserve((int)expected * sizeof(ulong)))
        {
            return byTurns;
        }

        Span<ulong> hashes = MemoryMarshal.Cast<byte, ulong>(memory.Free.Span)[..(int)expected];
        int count = PromptBlocks.Hash(in x.Facts, x.Body!.Written, salt: 0, hashes);
        return Router.TieBreaker(hashes[..count], byTurns);
    }
}

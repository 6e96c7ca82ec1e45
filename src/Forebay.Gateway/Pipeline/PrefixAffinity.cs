using System.Numerics;
using System.Runtime.InteropServices;
using Forebay.Gateway.Bodies;
using Forebay.Protocols;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// Decides between deployments that are equally loaded by the prompt's prefix, so that a conversation comes back to the
/// engine that still holds its beginning. The prefix that counts is the longest power of two of blocks: prompts that
/// share a short beginning alone spread, and a conversation moves only when it has doubled.
/// </summary>
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
        if (x.EligibleCount < 2 || expected < 2)
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
        return count == 0 ? byTurns : (uint)hashes[(1 << BitOperations.Log2((uint)count)) - 1];
    }
}

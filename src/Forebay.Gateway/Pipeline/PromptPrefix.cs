using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Forebay.Core.Fleet;
using Forebay.Gateway.Bodies;
using Forebay.Protocols;

namespace Forebay.Gateway.Pipeline;

/// <summary>The hashes of a request's prompt blocks, where there is a choice that they could decide. They say where a
/// request goes and never what it is answered.</summary>
internal sealed class PromptPrefix : IDisposable
{
    /// <summary>A million bytes of text; what follows decides nothing.</summary>
    private const int MostBlocks = 16 * 1024;

    /// <summary>Drawn anew by each process, so that nobody can find prompts whose hashes collide.</summary>
    private static readonly ulong ProcessSalt = MemoryMarshal.Read<ulong>(RandomNumberGenerator.GetBytes(8));

    private readonly PooledBuffer _memory;
    private readonly int _count;

    private PromptPrefix(PooledBuffer memory, int count)
    {
        _memory = memory;
        _count = count;
    }

    public ReadOnlySpan<ulong> Hashes => MemoryMarshal.Cast<byte, ulong>(_memory.Free.Span)[.._count];

    /// <summary>Hashes a prompt; null where nothing would come of it or memory is short.</summary>
    public static PromptPrefix? Of(Exchange x, GatewayRuntime runtime)
    {
        long expected = Math.Min(MostBlocks, x.Facts.EstimatedInputTokens / PromptBlocks.TokensPerBlock + 1);
        if (x.Eligible.Count < 2 || expected < 2)
        {
            return null;
        }

        var memory = new PooledBuffer(runtime.Memory, x.Settings.MemoryBudgetBytes);
        if (!memory.TryReserve((int)expected * sizeof(ulong)))
        {
            memory.Dispose();
            return null;
        }

        Span<ulong> hashes = MemoryMarshal.Cast<byte, ulong>(memory.Free.Span)[..(int)expected];
        int count = PromptBlocks.Hash(in x.Facts, x.Body!.Written, SaltOf(x.Tenant!, x.Model!), hashes);
        return new PromptPrefix(memory, count);
    }

    public void Dispose() => _memory.Dispose();

    /// <summary>Tenants share what is known of caches only where they are in one cache domain; models never do.
    /// </summary>
    private static ulong SaltOf(Tenant tenant, ServedModel model) =>
        ProcessSalt ^ tenant.CacheDomainHash ^ System.Numerics.BitOperations.RotateLeft(model.IdHash, 17);
}

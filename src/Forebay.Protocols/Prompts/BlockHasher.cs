using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Forebay.Protocols.Prompts;

/// <summary>
/// Collects a prompt's text into blocks and chains their hashes. Separators are control characters, which raw JSON text
/// cannot hold, so that no text imitates a boundary. The mixing is that of wyhash: 64 by 64 bit products folded by
/// exclusive or; its constants are not UTF-8, so no text cancels one.
/// </summary>
internal ref struct BlockHasher(ulong salt, Span<ulong> hashes) : IPromptSink
{
    private const byte SectionMark = 0x1C;
    private const byte NameMark = 0x1D;
    private const byte MessageMark = 0x1E;
    private const byte TextMark = 0x1F;

    private const ulong K0 = 0xa0761d6478bd642f;
    private const ulong K1 = 0xe7037ed1a0b428db;
    private const ulong K2 = 0x8ebc6af09c88c6e3;
    private const ulong K3 = 0x589965cc75374cc3;

    private readonly Span<ulong> _hashes = hashes;
    private ulong _chain = Mix(salt ^ K0, K1);
    private Pending _pending;
    private int _pendingLength;

    public static bool NeedsRoleFirst => true;

    /// <summary>Hashes written so far.</summary>
    public int Count { get; private set; }

    private readonly bool IsFull => Count == _hashes.Length;

    /// <summary>Tools, system or messages begin.</summary>
    public void Section() => Append([SectionMark]);

    public void Message(scoped ReadOnlySpan<byte> role)
    {
        Append([MessageMark]);
        Append(role);
        Append([TextMark]);
    }

    public void Text(scoped ReadOnlySpan<byte> raw, int textLength)
    {
        Append(raw);
        Append([TextMark]);
    }

    public void Name(scoped ReadOnlySpan<byte> raw, int textLength)
    {
        Append(raw);
        Append([NameMark]);
    }

    public void Literal(scoped ReadOnlySpan<byte> raw) => Text(raw, raw.Length);

    public void Image(scoped ReadOnlySpan<byte> payload) => Attach(payload, TokenEstimate.TokensPerImage);

    public void Document(scoped ReadOnlySpan<byte> payload) =>
        Attach(payload, payload.Length / TokenEstimate.DocumentBytesPerToken);

    public void Audio(scoped ReadOnlySpan<byte> payload) =>
        Attach(payload, payload.Length / TokenEstimate.AudioBytesPerToken);

    /// <summary>Something that is not text: closes the block that is open, then gives as many hashes as it weighs.
    /// </summary>
    private void Attach(scoped ReadOnlySpan<byte> payload, int tokens)
    {
        if (_pendingLength > 0)
        {
            Span<byte> block = _pending;
            block[_pendingLength..].Clear();
            _pendingLength = 0;
            Chain(block);
        }

        _chain = Mix(_chain ^ K2, Digest(payload) ^ K3);
        for (int blocks = tokens / PromptBlocks.TokensPerBlock; blocks > 0 && !IsFull; blocks--)
        {
            _chain = Mix(_chain ^ K1, K2);
            _hashes[Count++] = _chain;
        }
    }

    private void Append(scoped ReadOnlySpan<byte> bytes)
    {
        if (IsFull)
        {
            return;
        }

        Span<byte> pending = _pending;
        if (_pendingLength > 0)
        {
            int taken = Math.Min(bytes.Length, PromptBlocks.BlockBytes - _pendingLength);
            bytes[..taken].CopyTo(pending[_pendingLength..]);
            _pendingLength += taken;
            bytes = bytes[taken..];
            if (_pendingLength < PromptBlocks.BlockBytes)
            {
                return;
            }

            _pendingLength = 0;
            Chain(pending);
        }

        while (bytes.Length >= PromptBlocks.BlockBytes)
        {
            Chain(bytes[..PromptBlocks.BlockBytes]);
            bytes = bytes[PromptBlocks.BlockBytes..];
        }

        bytes.CopyTo(pending);
        _pendingLength = bytes.Length;
    }

    private void Chain(scoped ReadOnlySpan<byte> block)
    {
        if (!IsFull)
        {
            _chain = Hash(_chain, block);
            _hashes[Count++] = _chain;
        }
    }

    private static ulong Digest(scoped ReadOnlySpan<byte> payload)
    {
        ulong digest = (ulong)payload.Length;
        for (; payload.Length >= PromptBlocks.BlockBytes; payload = payload[PromptBlocks.BlockBytes..])
        {
            digest = Hash(digest, payload);
        }

        Span<byte> rest = stackalloc byte[PromptBlocks.BlockBytes];
        rest.Clear();
        payload.CopyTo(rest);
        return Hash(digest, rest);
    }

    private static ulong Hash(ulong chain, scoped ReadOnlySpan<byte> block)
    {
        ulong one = Mix(Word(block, 0) ^ K0, Word(block, 1) ^ chain);
        ulong two = Mix(Word(block, 2) ^ K1, Word(block, 3) ^ BitOperations.RotateLeft(chain, 16));
        ulong three = Mix(Word(block, 4) ^ K2, Word(block, 5) ^ BitOperations.RotateLeft(chain, 32));
        ulong four = Mix(Word(block, 6) ^ K3, Word(block, 7) ^ BitOperations.RotateLeft(chain, 48));
        return Mix(one ^ two ^ K1, three ^ four ^ chain);
    }

    private static ulong Word(scoped ReadOnlySpan<byte> block, int index) =>
        BinaryPrimitives.ReadUInt64LittleEndian(block[(index * sizeof(ulong))..]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong a, ulong b)
    {
        ulong high = Math.BigMul(a, b, out ulong low);
        return high ^ low;
    }

    [InlineArray(PromptBlocks.BlockBytes)]
    private struct Pending
    {
        private byte _first;
    }
}

using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Forebay.Core.Serving.Engine;

namespace Forebay.Emulator.Wire;

/// <summary>
/// The text of a prompt in pooled memory, and the emulator's tokenizer: four UTF-8 bytes are a token, rounded up once
/// per prompt, and sixteen tokens are a block.
/// </summary>
internal sealed class PromptText : IDisposable
{
    public const int BytesPerToken = EngineTokenizer.BytesPerToken;

    private const int BlockBytes = EngineParameters.BlockTokens * BytesPerToken;

    /// <summary>What an image, document or other part that is not text counts at most: 1,024 tokens.</summary>
    private const int OpaqueBytes = 1024 * BytesPerToken;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(4096);

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Text => _bytes.AsSpan(0, Length);

    public static int TokensOf(int bytes) => EngineTokenizer.TokensOf(bytes);

    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        Length += bytes.Length;
    }

    /// <summary>Appends the string the reader stands on, unescaped.</summary>
    public void AppendString(ref Utf8JsonReader reader)
    {
        int most = reader.HasValueSequence ? (int)reader.ValueSequence.Length : reader.ValueSpan.Length;
        Length += reader.CopyString(Room(most));
    }

    /// <summary>Appends a part that is not text: its JSON where that is short, else 1,024 tokens made from it.
    /// </summary>
    public void AppendOpaque(ReadOnlySpan<byte> json)
    {
        if (json.Length <= OpaqueBytes)
        {
            Append(json);
            return;
        }

        ulong hash = Hash(0, json);
        Span<byte> room = Room(OpaqueBytes)[..OpaqueBytes];
        for (int i = 0; i < OpaqueBytes; i += sizeof(ulong))
        {
            hash = Mixing.Mix(hash, (ulong)i);
            BinaryPrimitives.WriteUInt64LittleEndian(room[i..], hash);
        }

        Length += OpaqueBytes;
    }

    /// <summary>Chained hashes of the full blocks.</summary>
    /// <param name="tokens">Tokens of the prompt; no more blocks than they fill.</param>
    public ulong[] BlockHashes(int tokens)
    {
        var hashes = new ulong[Math.Min(Length / BlockBytes, tokens / EngineParameters.BlockTokens)];
        ulong chain = 0;
        for (int i = 0; i < hashes.Length; i++)
        {
            chain = Hash(chain, _bytes.AsSpan(i * BlockBytes, BlockBytes));
            hashes[i] = chain;
        }

        return hashes;
    }

    /// <summary>A hash of the text's beginning.</summary>
    public ulong Hash(int bytes) => Hash((ulong)bytes, _bytes.AsSpan(0, bytes));

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
    }

    private static ulong Hash(ulong seed, ReadOnlySpan<byte> bytes)
    {
        ulong hash = seed;
        while (bytes.Length >= sizeof(ulong))
        {
            hash = Mixing.Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (byte b in bytes)
        {
            hash = Mixing.Mix(hash, b);
        }

        return hash;
    }

    private Span<byte> Room(int bytes)
    {
        if (_bytes.Length - Length < bytes)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_bytes.Length * 2, Length + bytes));
            _bytes.AsSpan(0, Length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }

        return _bytes.AsSpan(Length);
    }
}

using System.Buffers.Binary;
using System.Security.Cryptography;
using Forebay.Core.Batches;

namespace Forebay.Storage.Contents;

/// <summary>
/// Bytes of a content, little endian. A header: magic (8), fingerprint of the key (16), salt (32). Then frames: length
/// of the content (4), head (56), nonce (12), content encrypted by AES-256-GCM, tag (16). Length, head and the number
/// of the frame are authenticated with it, so that no frame can be changed, moved, repeated or left out of the middle.
/// </summary>
internal static class SealedFormat
{
    public const int HeaderBytes = 8 + ContentKey.FingerprintBytes + SaltBytes;
    public const int SaltBytes = 32;
    public const int TagBytes = 16;
    public const int FrameBytes = LengthBytes + HeadBytes + NonceBytes + TagBytes;

    /// <summary>Largest content of a frame; a longer length in a file is damage.</summary>
    public const int MaxContentBytes = 256 * 1024 * 1024;

    private const int LengthBytes = 4;
    private const int HeadBytes = 56;
    private const int NonceBytes = 12;
    private const int AuthenticatedBytes = LengthBytes + HeadBytes + 8;

    private static ReadOnlySpan<byte> Magic => "FBSEAL1\n"u8;

    public static byte[] NewHeader(ContentKey key)
    {
        byte[] header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        key.Fingerprint.CopyTo(header, 8);
        RandomNumberGenerator.Fill(header.AsSpan(8 + ContentKey.FingerprintBytes));
        return header;
    }

    /// <summary>The cipher of a file by its header.</summary>
    /// <exception cref="InvalidDataException">It is no header, or of another key.</exception>
    public static AesGcm Open(ReadOnlySpan<byte> header, ContentKey key, ContentName name)
    {
        if (header.Length < HeaderBytes || !header.StartsWith(Magic))
        {
            throw new InvalidDataException($"The stored contents of {name.Id} do not begin as such a file does.");
        }

        return header.Slice(8, ContentKey.FingerprintBytes).SequenceEqual(key.Fingerprint)
            ? key.CipherOf(name, header[(8 + ContentKey.FingerprintBytes)..HeaderBytes])
            : throw new InvalidDataException($"The stored contents of {name.Id} were encrypted with another key.");
    }

    /// <summary>Writes a frame.</summary>
    public static void Seal(
        AesGcm cipher, long number, in FrameHead head, ReadOnlySpan<byte> content, Span<byte> frame)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame, content.Length);
        Write(frame[LengthBytes..], head);
        Span<byte> nonce = frame.Slice(LengthBytes + HeadBytes, NonceBytes);
        // Random, not counted: a frame that is written again after a crash must not meet its nonce again.
        RandomNumberGenerator.Fill(nonce);
        Span<byte> sealedContent = frame.Slice(LengthBytes + HeadBytes + NonceBytes, content.Length);
        Span<byte> authenticated = stackalloc byte[AuthenticatedBytes];
        frame[..(LengthBytes + HeadBytes)].CopyTo(authenticated);
        BinaryPrimitives.WriteInt64LittleEndian(authenticated[(LengthBytes + HeadBytes)..], number);
        Span<byte> tag = frame.Slice(FrameBytes - TagBytes + content.Length, TagBytes);
        cipher.Encrypt(nonce, content, sealedContent, tag, authenticated);
    }

    /// <summary>The length of a frame by its first bytes; 0 where they are none.</summary>
    public static int LengthOf(ReadOnlySpan<byte> start)
    {
        if (start.Length < LengthBytes)
        {
            return 0;
        }

        int content = BinaryPrimitives.ReadInt32LittleEndian(start);
        return content is >= 0 and <= MaxContentBytes ? FrameBytes + content : 0;
    }

    /// <summary>Reads a whole frame; false where it is not what was written.</summary>
    public static bool TryOpen(
        AesGcm cipher, long number, ReadOnlySpan<byte> frame, out FrameHead head, out byte[] content)
    {
        content = new byte[frame.Length - FrameBytes];
        head = default;
        Span<byte> authenticated = stackalloc byte[AuthenticatedBytes];
        frame[..(LengthBytes + HeadBytes)].CopyTo(authenticated);
        BinaryPrimitives.WriteInt64LittleEndian(authenticated[(LengthBytes + HeadBytes)..], number);
        try
        {
            cipher.Decrypt(
                frame.Slice(LengthBytes + HeadBytes, NonceBytes),
                frame.Slice(LengthBytes + HeadBytes + NonceBytes, content.Length),
                frame[^TagBytes..],
                content,
                authenticated);
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }

        head = Read(frame[LengthBytes..]);
        return true;
    }

    private static void Write(Span<byte> to, in FrameHead head)
    {
        to[..HeadBytes].Clear();
        to[0] = (byte)head.Kind;
        to[1] = (byte)head.Outcome;
        BinaryPrimitives.WriteInt32LittleEndian(to[4..], head.Item);
        BinaryPrimitives.WriteInt32LittleEndian(to[8..], head.Attempt);
        BinaryPrimitives.WriteUInt128LittleEndian(to[16..], head.Request);
        BinaryPrimitives.WriteInt64LittleEndian(to[32..], head.Tokens.Input);
        BinaryPrimitives.WriteInt64LittleEndian(to[40..], head.Tokens.Cached);
        BinaryPrimitives.WriteInt64LittleEndian(to[48..], head.Tokens.Output);
    }

    private static FrameHead Read(ReadOnlySpan<byte> from) => new(
        (FrameKind)from[0],
        BinaryPrimitives.ReadInt32LittleEndian(from[4..]),
        BinaryPrimitives.ReadInt32LittleEndian(from[8..]),
        (ItemOutcome)from[1],
        BinaryPrimitives.ReadUInt128LittleEndian(from[16..]),
        new BatchTokens(
            BinaryPrimitives.ReadInt64LittleEndian(from[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(from[40..]),
            BinaryPrimitives.ReadInt64LittleEndian(from[48..])));
}

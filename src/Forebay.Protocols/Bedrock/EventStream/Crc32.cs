using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using ArmCrc32 = System.Runtime.Intrinsics.Arm.Crc32.Arm64;

namespace Forebay.Protocols.Bedrock;

/// <summary>
/// The checksum of event streams: CRC-32 of IEEE 802.3 (reflected, polynomial 0xEDB88320), as gzip has it. Long input
/// is folded 64 bytes at a time by carry-less multiplication where the processor has it (Gopal et al., "Fast CRC
/// Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009); the rest goes eight bytes at a time
/// through tables (Kounavis and Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation",
/// 2008).
/// </summary>
public static class Crc32
{
    private const uint Polynomial = 0xEDB88320;
    private const int FoldedBytes = 64;
    private const int Slices = 8;

    private static readonly uint[] Tables = BuildTables();

    /// <summary>The checksum of some bytes.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes) => Continue(0, bytes);

    /// <summary>The checksum of bytes of which the first part is summed already.</summary>
    /// <param name="crc">The checksum of what comes before; 0 for nothing.</param>
    /// <param name="bytes">What follows.</param>
    public static uint Continue(uint crc, ReadOnlySpan<byte> bytes)
    {
        uint state = ~crc;
        if (Pclmulqdq.IsSupported && Sse41.IsSupported && bytes.Length >= FoldedBytes)
        {
            int folded = bytes.Length & ~15;
            state = Fold(state, bytes[..folded]);
            bytes = bytes[folded..];
        }

        return ~Slice(state, bytes);
    }

    private static uint Slice(uint state, ReadOnlySpan<byte> bytes)
    {
        for (; ArmCrc32.IsSupported && bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            state = ArmCrc32.ComputeCrc32(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        uint[] tables = Tables;
        for (; bytes.Length >= Slices; bytes = bytes[Slices..])
        {
            uint low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ state;
            uint high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            state = tables[7 * 256 + (int)(low & 0xFF)]
                ^ tables[6 * 256 + (int)(low >> 8 & 0xFF)]
                ^ tables[5 * 256 + (int)(low >> 16 & 0xFF)]
                ^ tables[4 * 256 + (int)(low >> 24)]
                ^ tables[3 * 256 + (int)(high & 0xFF)]
                ^ tables[2 * 256 + (int)(high >> 8 & 0xFF)]
                ^ tables[256 + (int)(high >> 16 & 0xFF)]
                ^ tables[(int)(high >> 24)];
        }

        foreach (byte next in bytes)
        {
            state = tables[(int)((state ^ next) & 0xFF)] ^ state >> 8;
        }

        return state;
    }

    /// <summary>Folds at least 64 bytes, a whole number of 16-byte lanes.</summary>
    private static uint Fold(uint state, ReadOnlySpan<byte> bytes)
    {
        // x^(4*128+64), x^(4*128) | x^(128+64), x^128 | x^64 mod P; P and floor(x^64 / P), all reflected.
        var byFour = Vector128.Create(0x0154442bd4ul, 0x01c6e41596ul);
        var byOne = Vector128.Create(0x01751997d0ul, 0x00ccaa009eul);
        var toSixtyFour = Vector128.Create(0x0163cd6124ul, 0ul);
        var barrett = Vector128.Create(0x01db710641ul, 0x01f7011641ul);
        ReadOnlySpan<Vector128<ulong>> lanes = MemoryMarshal.Cast<byte, Vector128<ulong>>(bytes);
        Vector128<ulong> a = lanes[0] ^ Vector128.CreateScalar((ulong)state);
        Vector128<ulong> b = lanes[1];
        Vector128<ulong> c = lanes[2];
        Vector128<ulong> d = lanes[3];
        for (lanes = lanes[4..]; lanes.Length >= 4; lanes = lanes[4..])
        {
            a = FoldOne(a, byFour) ^ lanes[0];
            b = FoldOne(b, byFour) ^ lanes[1];
            c = FoldOne(c, byFour) ^ lanes[2];
            d = FoldOne(d, byFour) ^ lanes[3];
        }

        a = FoldOne(a, byOne) ^ b;
        a = FoldOne(a, byOne) ^ c;
        a = FoldOne(a, byOne) ^ d;
        foreach (Vector128<ulong> lane in lanes)
        {
            a = FoldOne(a, byOne) ^ lane;
        }

        // 128 bits to 64, then Barrett's reduction to 32.
        var lowHalves = Vector128.Create(~0u, 0, ~0u, 0).AsUInt64();
        a = Sse2.ShiftRightLogical128BitLane(a, 8) ^ Pclmulqdq.CarrylessMultiply(a, byOne, 0x10);
        a = Sse2.ShiftRightLogical128BitLane(a, 4)
            ^ Pclmulqdq.CarrylessMultiply(a & lowHalves, toSixtyFour, 0x00);
        Vector128<ulong> quotient = Pclmulqdq.CarrylessMultiply(a & lowHalves, barrett, 0x10) & lowHalves;
        a ^= Pclmulqdq.CarrylessMultiply(quotient, barrett, 0x00);
        return a.AsUInt32().GetElement(1);
    }

    private static Vector128<ulong> FoldOne(Vector128<ulong> lane, Vector128<ulong> constants) =>
        Pclmulqdq.CarrylessMultiply(lane, constants, 0x00) ^ Pclmulqdq.CarrylessMultiply(lane, constants, 0x11);

    private static uint[] BuildTables()
    {
        uint[] tables = new uint[Slices * 256];
        for (uint i = 0; i < 256; i++)
        {
            uint entry = i;
            for (int bit = 0; bit < 8; bit++)
            {
                entry = (entry & 1) != 0 ? entry >> 1 ^ Polynomial : entry >> 1;
            }

            tables[i] = entry;
        }

        for (int i = 256; i < tables.Length; i++)
        {
            uint before = tables[i - 256];
            tables[i] = before >> 8 ^ tables[before & 0xFF];
        }

        return tables;
    }
}

using System.Text;
using Forebay.Protocols.Bedrock;
using Xunit;

namespace Forebay.UnitTests.Protocols.Bedrock.EventStream;

public sealed class Crc32Tests
{
    [Fact]
    public void The_check_value_of_the_polynomial_comes_out() =>
        Assert.Equal(0xCBF43926u, Crc32.Of(Encoding.ASCII.GetBytes("123456789")));

    /// <summary>Lengths around every step of the folding and the tables, against one bit at a time.</summary>
    [Fact]
    public void Every_length_and_every_cut_sums_as_one_bit_at_a_time_does()
    {
        var random = new Random(7);
        byte[] bytes = new byte[700];
        random.NextBytes(bytes);
        for (int length = 0; length <= bytes.Length; length++)
        {
            uint expected = BitByBit(bytes.AsSpan(0, length));
            int cut = random.Next(length + 1);

            Assert.Equal(expected, Crc32.Of(bytes.AsSpan(0, length)));
            Assert.Equal(expected, Crc32.Continue(Crc32.Of(bytes.AsSpan(0, cut)), bytes.AsSpan(cut, length - cut)));
        }
    }

    private static uint BitByBit(ReadOnlySpan<byte> bytes)
    {
        uint crc = ~0u;
        foreach (byte next in bytes)
        {
            crc ^= next;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
            }
        }

        return ~crc;
    }
}

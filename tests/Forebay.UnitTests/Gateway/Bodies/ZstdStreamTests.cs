using System.Text;
using Forebay.Gateway.Bodies;
using Xunit;

namespace Forebay.UnitTests.Gateway.Bodies;

public sealed class ZstdStreamTests
{
    /// <summary>The forty messages below as libzstd 1.5 compresses them.</summary>
    private static readonly byte[] Frame = Convert.FromBase64String(
        "KLUv/WBGCZ0FAHJGFRmAazpqn+zPEXGPX9IuE6I8nm9TjgWkTUiB////v23btt22bVtDgTAQBO4iD8NcJAWda2AudYpUiCxAnTswDdYlFIS" +
        "OscQSXsJcDLFzqLHEjpHHHAEoIIBzSg+gWDqXmCUx6Swxl8TSmcQsiUlniZkkls4Sc0ksnUnMknjpfEmJ2ZKSuJLSmZIS8yQlsSSlcyQlZk" +
        "hK4kdKcEekq8RKkkpXEqskJV0lVknapQsQUDwD");

    private static readonly byte[] Plain = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 40).Select(
        i => $$"""{"role":"user","content":"message number {{i}} of the conversation"},""")));

    /// <summary>A skippable frame (RFC 8878, 3.1.2) of three bytes.</summary>
    private static readonly byte[] Skippable = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];

    private static async Task<byte[]> DecodeAsync(byte[] packed, int readBytes, int sourceBytes)
    {
        await using var decoder = new ZstdStream(new Dribble(packed, sourceBytes));
        var plain = new MemoryStream();
        var buffer = new byte[readBytes];
        int read;
        while ((read = await decoder.ReadAsync(buffer)) > 0)
        {
            plain.Write(buffer, 0, read);
        }

        return plain.ToArray();
    }

    private static void NeedsLibrary()
    {
        if (!ZstdStream.IsAvailable)
        {
            Assert.Skip("needs libzstd.so.1; it is not installed here");
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(65536, 65536)]
    public async Task A_frame_comes_out_whole_however_it_is_cut(int readBytes, int sourceBytes)
    {
        NeedsLibrary();

        Assert.Equal(Plain, await DecodeAsync(Frame, readBytes, sourceBytes));
    }

    [Fact]
    public async Task Frames_in_a_row_are_one_body_and_skippable_ones_are_skipped()
    {
        NeedsLibrary();

        byte[] twice = await DecodeAsync([.. Skippable, .. Frame, .. Skippable, .. Frame, .. Skippable], 100, 50);

        Assert.Equal([.. Plain, .. Plain], twice);
        Assert.Empty(await DecodeAsync([], 100, 50));
    }

    [Fact]
    public async Task Every_truncation_is_refused()
    {
        NeedsLibrary();
        for (int length = 1; length < Frame.Length; length++)
        {
            await Assert.ThrowsAsync<ZstdException>(() => DecodeAsync(Frame[..length], 512, 64));
        }
    }

    [Fact]
    public async Task Damage_is_refused_or_decoded_and_never_more()
    {
        NeedsLibrary();
        var random = new Random(20261122);
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] damaged = [.. Frame];
            for (int edits = random.Next(1, 4); edits > 0; edits--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            try
            {
                _ = await DecodeAsync(damaged, 4096, 4096);
            }
            catch (ZstdException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1000, 3000);
    }

    /// <summary>RFC 9659: a frame that asks for a window above 8 MiB is refused before memory is taken for
    /// it.</summary>
    [Fact]
    public async Task A_window_beyond_eight_mebibytes_is_refused()
    {
        NeedsLibrary();
        byte[] wide = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA0, 0x01, 0x00, 0x00];

        await Assert.ThrowsAsync<ZstdException>(() => DecodeAsync(wide, 512, 64));
    }

    /// <summary>A source that gives few bytes at a time.</summary>
    private sealed class Dribble(byte[] bytes, int most) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(most, buffer.Length)], cancellationToken);
    }
}

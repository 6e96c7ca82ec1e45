using System.Text;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay;

/// <summary>
/// Prompt text of an exact length under the tokenizer of the engine emulator: four UTF-8 bytes are a token. Each
/// prompt opens with characters of its own, so that no two share a prefix and none is answered from a cache by
/// accident; what follows is pseudo-words that need no escape in JSON.
/// </summary>
internal static class PromptText
{
    public const int BytesPerToken = 4;
    private const int FillerBytes = 1 << 16;
    private const int OpeningBytes = 16;
    private static readonly byte[] Filler = MakeFiller();

    /// <summary>Writes the prompt of a request. The run and the number decide its text.</summary>
    public static async ValueTask WriteAsync(Stream to, ulong runId, ulong number, int tokens, CancellationToken cancel)
    {
        long left = (long)tokens * BytesPerToken;
        ulong identity = SplitMix64.Mix(runId ^ SplitMix64.Mix(number));
        byte[] opening = Encoding.ASCII.GetBytes($"{identity:x16}");
        int head = (int)Math.Min(left, OpeningBytes);
        await to.WriteAsync(opening.AsMemory(0, head), cancel).ConfigureAwait(false);
        left -= head;
        int at = (int)(identity % FillerBytes);
        while (left > 0)
        {
            int length = (int)Math.Min(left, FillerBytes - at);
            await to.WriteAsync(Filler.AsMemory(at, length), cancel).ConfigureAwait(false);
            left -= length;
            at = 0;
        }
    }

    private static byte[] MakeFiller()
    {
        const string consonants = "bcdfghjklmnprstvw";
        const string vowels = "aeiou";
        var draw = new SplitMix64(0, 0);
        byte[] text = new byte[FillerBytes];
        int i = 0;
        while (i < text.Length)
        {
            for (int syllable = 1 + draw.NextInt(3); syllable > 0 && i + 2 < text.Length; syllable--)
            {
                text[i++] = (byte)consonants[draw.NextInt(consonants.Length)];
                text[i++] = (byte)vowels[draw.NextInt(vowels.Length)];
            }

            text[i++] = (byte)' ';
        }

        return text;
    }
}

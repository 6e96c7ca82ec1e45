using System.Text;
using Forebay.Core.Serving.Engine;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay;

/// <summary>
/// Text of an exact length under the tokenizer of the engine emulator (<see cref="EngineTokenizer"/>), decided by an
/// identity. It opens with characters of its own, so that two identities differ within their first cache block; what
/// follows is pseudo-words that need no escape in JSON.
/// </summary>
internal static class PromptText
{
    private const int FillerBytes = 1 << 16;
    private const int OpeningBytes = 16;
    private const ulong BlockDomain = 0x9AB1_0C4B_10C4_5EED;
    private static readonly byte[] Filler = MakeFiller();

    /// <summary>Identity of what one turn of one conversation says.</summary>
    public static ulong OfTurn(ulong runId, ulong number, int turn) =>
        SplitMix64.Mix(runId ^ SplitMix64.Mix(number) ^ SplitMix64.Mix(~(ulong)turn));

    /// <summary>Identity of a prefix block: the same in every request of a run, another in the next run.</summary>
    public static ulong OfBlock(ulong runId, int block) =>
        SplitMix64.Mix(runId ^ SplitMix64.Mix((ulong)block ^ BlockDomain));

    /// <summary>Writes some tokens of the identity's text.</summary>
    public static async ValueTask WriteAsync(Stream to, ulong identity, int tokens, CancellationToken cancel)
    {
        long left = (long)tokens * EngineTokenizer.BytesPerToken;
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

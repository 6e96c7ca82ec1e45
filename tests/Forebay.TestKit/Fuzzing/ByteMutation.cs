using System.Text;

namespace Forebay.TestKit.Fuzzing;

/// <summary>Damages bytes the way networks, clients and attackers do. The same generator gives the same damage.</summary>
public static class ByteMutation
{
    private static readonly byte[][] Pieces =
    [
        .. new[]
        {
            "\"", "\\", "{", "}", "[", "]", ",", ":", "\\u", "\\u0000", "\\ud800", "\\udc00\\ud800", "\\uD83D\\uDE00", "null",
            "true", "false", "1e", "-", "-0", "0.", "01", "1e400", "-1e-400", "0.0000000000000000000000000000001", "\n", "\r",
            "\r\n\r\n", "\t", "data:", "event:", "event: error\n", "id: ", ": ", "\uFEFF", "\u2028", "\"usage\":", "\"model\":",
            "\"type\":", "\"stream\":true,", "\"messages\":[],", "\"max_tokens\":9007199254740993,", "\"m\\u006fdel\":\"x\",",
            "999999999999999999999999999999999999", "[DONE]", "message_stop", "{\"a\":{\"a\":[", "]}}", "/*", "//", "NaN",
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF], [0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x00], [0x1F], [0x7F],
    ];

    /// <summary>A damaged copy.</summary>
    /// <param name="original">What to damage.</param>
    /// <param name="other">Another text of the same kind, for splices from one into the other.</param>
    /// <param name="random">Where the choices come from.</param>
    public static byte[] Of(byte[] original, byte[] other, Random random)
    {
        var bytes = new List<byte>(original);
        for (int edits = random.Next(1, 5); edits > 0; edits--)
        {
            Edit(bytes, other, random);
        }

        return [.. bytes];
    }

    private static void Edit(List<byte> bytes, byte[] other, Random random)
    {
        int at = random.Next(bytes.Count + 1);
        int count = random.Next(Math.Min(random.Next(4) == 0 ? 64 : 8, bytes.Count - at) + 1);
        switch (random.Next(10))
        {
            case 0:
                bytes.RemoveRange(at, count);
                break;
            case 1 or 2:
                bytes.InsertRange(at, Pieces[random.Next(Pieces.Length)]);
                break;
            case 3:
                bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(at, count));
                break;
            case 4 when at < bytes.Count:
                bytes[at] = (byte)random.Next(256);
                break;
            case 5 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 6 when random.Next(3) == 0:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 7 when other.Length > 0:
                int from = random.Next(other.Length);
                bytes.InsertRange(at, other.AsSpan(from, random.Next(Math.Min(64, other.Length - from) + 1)));
                break;
            case 8 when random.Next(4) == 0:
                // Just below, at and above the deepest nesting that is read.
                string open = random.Next(2) == 0 ? "[" : "{\"a\":";
                int depth = random.Next(3) switch { 0 => random.Next(56, 70), 1 => 1_000, _ => random.Next(1, 20) };
                bytes.InsertRange(at, Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(open, depth))));
                break;
            case 9 when random.Next(4) == 0:
                bytes.InsertRange(at, Encoding.ASCII.GetBytes(new string("0123456789aeE.-"[random.Next(15)], random.Next(400))));
                break;
        }
    }
}

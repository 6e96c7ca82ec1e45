using System.Text;

namespace Forebay.UnitTests.Protocols;

/// <summary>Damages bytes the way networks, clients and fuzzers do. The same seed gives the same damage.</summary>
internal static class Mutation
{
    private static readonly byte[][] Snippets =
    [
        .. new[]
        {
            "\"", "\\", "{", "}", "[", "]", ",", ":", "\\u", "\\ud800", "null", "true", "1e", "-", "0.", "\n", "\r",
            "data:", "event:", "\uFEFF", "\"usage\":", "\"model\":", "\"type\":", "999999999999999999999", "-1", " ",
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF],
        [0xC3],
        [0x00],
    ];

    public static byte[] Of(byte[] original, Random random)
    {
        var bytes = new List<byte>(original);
        for (int edits = random.Next(1, 4); edits > 0; edits--)
        {
            int at = random.Next(bytes.Count + 1);
            int count = random.Next(Math.Min(8, bytes.Count - at) + 1);
            switch (random.Next(5))
            {
                case 0:
                    bytes.RemoveRange(at, count);
                    break;
                case 1:
                    bytes.InsertRange(at, Snippets[random.Next(Snippets.Length)]);
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.GetRange(at, count));
                    break;
                case 3 when at < bytes.Count:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 4 when random.Next(4) == 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }
}

using System.Text;
using System.Text.Json;

namespace Forebay.TestKit.Upstreams;

/// <summary>
/// A model whose answer is a function of a seed, with everything in it that is hard to put together again: characters
/// of every length, quotes, control characters, white space at any place. It goes on with any beginning of its answer,
/// and cuts its stream into events wherever the test's chance has it, within characters too.
/// </summary>
public static class UnicodeModel
{
    private static readonly string[] Pieces =
    [
        "a", "bc", " ", "  ", "\n", "\n\n", "\t", "é", "ß", "水", "漢字", "🌊", "👩‍🚀", "\"", "\\", "/",
        "{\"x\":1}", "\u0001", "\u007f", "\u00a0", "\u2003", "\u3000", "]}", "data: ", "\r\n", "\u2028",
        "word", " and ", "e\u0301", "<b>&",
    ];

    /// <summary>The whole answer.</summary>
    public static string TextOf(int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder();
        int pieces = random.Next(1, 60);
        for (int i = 0; i < pieces; i++)
        {
            text.Append(Pieces[random.Next(Pieces.Length)]);
        }

        return text.ToString();
    }

    /// <summary>The stream that answers from a place in the text on.</summary>
    /// <param name="anthropic">The dialect.</param>
    /// <param name="rest">The text that is missing.</param>
    /// <param name="promptTokens">What it reports.</param>
    /// <param name="chance">Where events begin and how characters are written.</param>
    /// <param name="splitsCharacters">Whether events may end within a character.</param>
    public static IReadOnlyList<byte[]> Stream(
        bool anthropic, string rest, int promptTokens, Random chance, bool splitsCharacters)
    {
        List<byte[]> pieces = Cut(Written(rest, chance), chance, splitsCharacters);
        int tokens = Math.Max(1, pieces.Count);
        var events = new List<byte[]>();
        void Add(string text) => events.Add(Encoding.UTF8.GetBytes(text));
        void AddText(string before, byte[] piece, string after) =>
            events.Add([.. Encoding.UTF8.GetBytes(before), .. piece, .. Encoding.UTF8.GetBytes(after)]);
        if (anthropic)
        {
            Add(Answers.AnthropicStream[0].Replace(
                "\"input_tokens\":10", $"\"input_tokens\":{promptTokens}", StringComparison.Ordinal));
            Add(Answers.AnthropicStream[1]);
            pieces.ForEach(p => AddText(
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
                    + "\"delta\":{\"type\":\"text_delta\",\"text\":\"",
                p,
                "\"}}\n\n"));
            Add(Answers.AnthropicStream[5]);
            Add(Answers.Named("message_delta", $$$"""{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":{{{tokens}}}}}"""));
            Add(Answers.AnthropicStream[7]);
            return events;
        }

        string head = $$"""data: {"id":"chatcmpl-{{chance.Next()}}","object":"chat.completion.chunk","created":{{chance.Next()}},"model":"upstream-model","choices":[""";
        Add(head + """{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}""" + "\n\n");
        pieces.ForEach(p => AddText(
            head + "{\"index\":0,\"delta\":{\"content\":\"", p, "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"));
        Add(head + """{"index":0,"delta":{},"finish_reason":"stop"}]}""" + "\n\n");
        Add(head + $$$"""],"usage":{"prompt_tokens":{{{promptTokens}}},"completion_tokens":{{{tokens}}},"total_tokens":{{{promptTokens + tokens}}}}}""" + "\n\n");
        Add("data: [DONE]\n\n");
        return events;
    }

    /// <summary>What a request's prompt ends with of the answer; null where it does not go on with one.</summary>
    public static string? BegunIn(byte[] body)
    {
        using JsonDocument request = JsonDocument.Parse(body);
        JsonElement last = request.RootElement.GetProperty("messages").EnumerateArray().Last();
        return last.GetProperty("role").GetString() == "assistant" ? last.GetProperty("content").GetString() : null;
    }

    /// <summary>The text as the content of a JSON string, escaped by chance: each unit is one escape or one character.
    /// </summary>
    private static List<byte[]> Written(string text, Random chance)
    {
        var units = new List<byte[]>();
        for (int i = 0; i < text.Length; i++)
        {
            bool pair = char.IsHighSurrogate(text[i]);
            bool mustEscape = text[i] is '"' or '\\' or < ' ';
            if (mustEscape && text[i] is '"' or '\\' or '\n' or '\t' && chance.Next(2) == 0)
            {
                units.Add(Encoding.ASCII.GetBytes("\\" + text[i] switch { '\n' => 'n', '\t' => 't', var c => c }));
            }
            else if (mustEscape || chance.Next(6) == 0)
            {
                units.Add(Encoding.ASCII.GetBytes($"\\u{(int)text[i]:x4}"));
                if (pair)
                {
                    units.Add(Encoding.ASCII.GetBytes($"\\u{(int)text[++i]:X4}"));
                }
            }
            else
            {
                units.Add(Encoding.UTF8.GetBytes(text.Substring(i, pair ? 2 : 1)));
                i += pair ? 1 : 0;
            }
        }

        return units;
    }

    private static List<byte[]> Cut(List<byte[]> units, Random chance, bool splitsCharacters)
    {
        var pieces = new List<byte[]>();
        var piece = new List<byte>();
        for (int i = 0; i < units.Count; i++)
        {
            bool isEscape = units[i][0] == '\\';
            foreach (byte b in units[i])
            {
                if (splitsCharacters && !isEscape && piece.Count > 0 && chance.Next(40) == 0)
                {
                    pieces.Add([.. piece]);
                    piece.Clear();
                }

                piece.Add(b);
            }

            bool halfPair = isEscape && units[i].Length == 6 && "dD".Contains((char)units[i][2])
                && "89abAB".Contains((char)units[i][3]);
            if (chance.Next(4) == 0 && (splitsCharacters || !halfPair))
            {
                pieces.Add([.. piece]);
                piece.Clear();
            }
        }

        if (piece.Count > 0)
        {
            pieces.Add([.. piece]);
        }

        return pieces;
    }
}

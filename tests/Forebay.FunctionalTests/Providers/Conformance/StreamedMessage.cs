using System.Text;
using System.Text.Json;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>What an Anthropic client puts together from a stream's events, strictly: blocks open and close in order, and
/// every delta is the open block's.</summary>
public sealed class StreamedMessage
{
    private readonly List<StreamedBlock> _blocks = [];
    private bool _open;

    public IReadOnlyList<StreamedBlock> Blocks => _blocks;

    public List<string> Kinds { get; } = [];

    public JsonElement Start { get; private set; }

    /// <summary>The last message_delta.</summary>
    public JsonElement End { get; private set; }

    public string? StopReason => End.GetProperty("delta").GetProperty("stop_reason").GetString();

    public string Text => string.Concat(_blocks.Where(b => b.Type == "text").Select(b => b.Text));

    /// <summary>Takes the next event.</summary>
    /// <exception cref="InvalidOperationException">It is out of order.</exception>
    public void Add(JsonElement ev)
    {
        string kind = ev.GetProperty("type").GetString()!;
        Kinds.Add(kind);
        switch (kind)
        {
            case "message_start":
                Start = ev.GetProperty("message").Clone();
                break;
            case "content_block_start":
                Require(!_open && ev.GetProperty("index").GetInt32() == _blocks.Count, "a block begins within another");
                _blocks.Add(new StreamedBlock(ev.GetProperty("content_block").Clone()));
                _open = true;
                break;
            case "content_block_delta":
                Require(_open && ev.GetProperty("index").GetInt32() == _blocks.Count - 1, "a delta of no open block");
                _blocks[^1].Add(ev.GetProperty("delta"));
                break;
            case "content_block_stop":
                Require(_open && ev.GetProperty("index").GetInt32() == _blocks.Count - 1, "an end of no open block");
                _open = false;
                break;
            case "message_delta":
                Require(!_open, "the message ends within a block");
                End = ev.Clone();
                break;
        }
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}

/// <summary>One content block and what its deltas added.</summary>
/// <param name="start">As it began.</param>
public sealed class StreamedBlock(JsonElement start)
{
    private readonly StringBuilder _text = new();

    public JsonElement Start => start;

    public string Type => start.GetProperty("type").GetString()!;

    /// <summary>Its text, thinking, or the JSON of its input.</summary>
    public string Text => _text.ToString();

    public string? Signature { get; private set; }

    public List<JsonElement> Citations { get; } = [];

    public void Add(JsonElement delta)
    {
        switch (delta.GetProperty("type").GetString())
        {
            case "text_delta":
                _text.Append(delta.GetProperty("text").GetString());
                break;
            case "thinking_delta":
                _text.Append(delta.GetProperty("thinking").GetString());
                break;
            case "input_json_delta":
                _text.Append(delta.GetProperty("partial_json").GetString());
                break;
            case "signature_delta":
                Signature = delta.GetProperty("signature").GetString();
                break;
            case "citations_delta":
                Citations.Add(delta.GetProperty("citation").Clone());
                break;
        }
    }
}

using System.Text;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>
/// Writes a <c>response</c> object of the Responses dialect but for its output. It says again what the request asked
/// for, as the vendor's does, and that nothing is stored: an answer of another dialect is kept nowhere.
/// </summary>
internal sealed class ResponseFrame
{
    private static readonly (byte[] Name, byte[] Otherwise)[] Echoed =
    [
        ("instructions"u8.ToArray(), "null"u8.ToArray()),
        ("max_output_tokens"u8.ToArray(), "null"u8.ToArray()),
        ("max_tool_calls"u8.ToArray(), "null"u8.ToArray()),
        ("metadata"u8.ToArray(), "{}"u8.ToArray()),
        ("parallel_tool_calls"u8.ToArray(), "true"u8.ToArray()),
        ("prompt_cache_key"u8.ToArray(), "null"u8.ToArray()),
        ("reasoning"u8.ToArray(), "{\"effort\":null,\"summary\":null}"u8.ToArray()),
        ("safety_identifier"u8.ToArray(), "null"u8.ToArray()),
        ("temperature"u8.ToArray(), "null"u8.ToArray()),
        ("text"u8.ToArray(), "{\"format\":{\"type\":\"text\"}}"u8.ToArray()),
        ("tool_choice"u8.ToArray(), "\"auto\""u8.ToArray()),
        ("tools"u8.ToArray(), "[]"u8.ToArray()),
        ("top_p"u8.ToArray(), "null"u8.ToArray()),
        ("truncation"u8.ToArray(), "\"disabled\""u8.ToArray()),
    ];

    private readonly AnswerFrame _frame;
    private readonly ByteRange[] _echo = new ByteRange[Echoed.Length];

    public ResponseFrame(AnswerFrame frame)
    {
        _frame = frame;
        Id = Encoding.ASCII.GetBytes(frame.Id);
        ReadEcho();
    }

    /// <summary>The id that all ids of the answer are made of.</summary>
    public byte[] Id { get; }

    /// <summary>Writes everything up to and with the opening bracket of the output.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="status">Its status.</param>
    /// <param name="incomplete">Why it is incomplete; empty where it is not.</param>
    public void WriteStart(ref WireOutput to, scoped ReadOnlySpan<byte> status, scoped ReadOnlySpan<byte> incomplete)
    {
        to.Raw("{\"id\":\"resp_"u8);
        to.Raw(Id);
        to.Raw("\",\"object\":\"response\",\"created_at\":"u8);
        to.Number(_frame.CreatedUnixSeconds);
        to.Raw(",\"status\":"u8);
        to.Quoted(status);
        to.Raw(",\"background\":false,\"error\":null,\"incomplete_details\":"u8);
        if (incomplete.IsEmpty)
        {
            to.Raw("null"u8);
        }
        else
        {
            to.Raw("{\"reason\":"u8);
            to.Quoted(incomplete);
            to.Raw((byte)'}');
        }

        to.Raw(",\"model\":"u8);
        to.Raw(_frame.ModelJson.Span);
        to.Raw(",\"previous_response_id\":null,\"store\":false,\"service_tier\":\"default\",\"top_logprobs\":0"u8);
        for (int i = 0; i < Echoed.Length; i++)
        {
            to.Raw(",\""u8);
            to.Raw(Echoed[i].Name);
            to.Raw("\":"u8);
            WriteEcho(ref to, i);
        }

        to.Raw(",\"output\":["u8);
    }

    /// <summary>Writes what follows the output.</summary>
    public static void WriteEnd(ref WireOutput to, WireUsage usage, long? reasoning)
    {
        to.Raw((byte)']');
        if (usage.Known)
        {
            to.Raw(",\"usage\":"u8);
            AnswerWords.WriteResponsesUsage(ref to, usage, reasoning);
        }

        to.Raw((byte)'}');
    }

    /// <summary>Writes the id of an item, in quotes.</summary>
    public void WriteItemId(ref WireOutput to, scoped ReadOnlySpan<byte> prefix, int index)
    {
        to.Raw((byte)'"');
        to.Raw(prefix);
        to.Raw(Id);
        to.Raw((byte)'_');
        to.Number(index);
        to.Raw((byte)'"');
    }

    /// <summary>Writes the name that a tool is called by, with the namespace that it had in the request.</summary>
    public void WriteToolName(ref WireOutput to, scoped ReadOnlySpan<byte> name)
    {
        foreach (NamespacedTool tool in _frame.NamespacedTools)
        {
            if (name.SequenceEqual(tool.FlatName.Span))
            {
                to.Raw("\"namespace\":"u8);
                to.Quoted(tool.Namespace.Span);
                to.Raw(",\"name\":"u8);
                to.Quoted(tool.Name.Span);
                return;
            }
        }

        to.Raw("\"name\":"u8);
        to.Quoted(name);
    }

    /// <summary>Writes a value of the request on one line: within JSON a line end can only be white space.</summary>
    private void WriteEcho(ref WireOutput to, int index)
    {
        ReadOnlySpan<byte> rest = _echo[index].IsEmpty
            ? Echoed[index].Otherwise
            : _echo[index].Of(_frame.Request.Span);
        for (int end = rest.IndexOfAny((byte)'\n', (byte)'\r'); end >= 0; end = rest.IndexOfAny((byte)'\n', (byte)'\r'))
        {
            to.Raw(rest[..end]);
            to.Raw((byte)' ');
            rest = rest[(end + 1)..];
        }

        to.Raw(rest);
    }

    private void ReadEcho()
    {
        ReadOnlySpan<byte> body = _frame.Request.Span;
        var cursor = new JsonCursor(body, RequestReader.ByteOrderMarkLength(body));
        Span<byte> scratch = stackalloc byte[24];
        bool first = true;
        for (bool entered = cursor.Peek() == JsonKind.Object && cursor.Enter();
            entered && cursor.NextMember(ref first, out JsonString name);)
        {
            int at = IndexOf(name.Keyword(body, scratch));
            bool isNull = cursor.Peek() == JsonKind.Null;
            if (cursor.ReadValue(out ByteRange value) && at >= 0)
            {
                _echo[at] = isNull ? default : value;
            }
        }
    }

    private static int IndexOf(ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < Echoed.Length; i++)
        {
            if (name.SequenceEqual(Echoed[i].Name))
            {
                return i;
            }
        }

        return -1;
    }
}

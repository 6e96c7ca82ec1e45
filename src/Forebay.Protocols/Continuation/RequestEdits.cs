using System.Buffers;
using System.Text;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Continuation;

/// <summary>Where a request must change for its answer to be gone on with, and what in it forbids that.</summary>
internal sealed class RequestEdits
{
    private static readonly byte[] Flags =
        "\"continue_final_message\":true,\"add_generation_prompt\":false,"u8.ToArray();

    private readonly List<ByteRange> _limits = [];
    private readonly List<byte[]> _stops = [];
    private ByteRange _continueValue;
    private ByteRange _promptValue;
    private bool _continueIsTrue;
    private bool _addsFlags;
    private int _objectStart;
    private LastMessage _last;

    public ContinuationBar Bar { get; private set; }

    public string? Field { get; private set; }

    /// <summary>Most tokens to produce.</summary>
    public long? MaxTokens { get; private set; }

    public static RequestEdits Read(
        WireDialect dialect, ReadOnlySpan<byte> body, in RequestFacts facts, bool asksToContinue)
    {
        var edits = new RequestEdits { MaxTokens = facts.MaxTokens, _objectStart = facts.ObjectStart };
        edits.ReadFields(dialect, body, facts.ObjectStart);
        edits._last = LastMessage.Find(body, facts.Messages);
        edits._addsFlags = asksToContinue && !edits._continueIsTrue;
        bool isPrefill = edits._last.IsAssistant && (!asksToContinue || edits._continueIsTrue);
        if (isPrefill && edits._last.TextEnd < 0)
        {
            edits.Forbid(ContinuationBar.Prefill, "messages");
        }

        if (!isPrefill)
        {
            // What the client's request began with a last message of its own is another message than the answer.
            edits._last.TextEnd = -1;
        }

        if (Citing.IsAskedFor(body, facts.Messages))
        {
            edits.Forbid(ContinuationBar.Citations, "messages");
        }

        return edits;
    }

    /// <summary>Whether a text ends with the beginning of a stop sequence: what comes next might end it before where it
    /// ends now.</summary>
    public bool MayBeginStop(ReadOnlySpan<byte> text)
    {
        foreach (byte[] stop in _stops)
        {
            for (int length = Math.Min(stop.Length - 1, text.Length); length > 0; length--)
            {
                if (text.EndsWith(stop.AsSpan(0, length)))
                {
                    return true;
                }
            }
        }

        return false;
    }

    public void Write(ReadOnlySpan<byte> body, ReadOnlySpan<byte> text, long? maxTokens, IBufferWriter<byte> output)
    {
        var splices = new List<Splice>();
        foreach (ByteRange limit in _limits)
        {
            splices.Add(new Splice(limit.Start, limit.Length, Encoding.ASCII.GetBytes($"{maxTokens}")));
        }

        if (!text.IsEmpty)
        {
            splices.Add(TextSplice(text));
            AddFlags(splices);
        }

        splices.Sort((a, b) => a.Start.CompareTo(b.Start));
        int at = 0;
        foreach (Splice splice in splices)
        {
            output.Write(body[at..splice.Start]);
            output.Write(splice.Insert.Span);
            at = splice.End;
        }

        output.Write(body[at..]);
    }

    private Splice TextSplice(ReadOnlySpan<byte> text)
    {
        var insert = new ArrayBufferWriter<byte>(text.Length + 64);
        bool isPrefill = _last.TextEnd >= 0;
        if (!isPrefill)
        {
            insert.Write(",{\"role\":\"assistant\",\"content\":\""u8);
        }

        TextContent.WriteEscaped(text, insert);
        if (!isPrefill)
        {
            insert.Write("\"}"u8);
        }

        return new Splice(isPrefill ? _last.TextEnd : _last.ArrayEnd, 0, insert.WrittenMemory);
    }

    private void AddFlags(List<Splice> splices)
    {
        if (!_addsFlags)
        {
            return;
        }

        if (_continueValue.IsEmpty && _promptValue.IsEmpty)
        {
            splices.Add(new Splice(_objectStart, 0, Flags));
            return;
        }

        AddFlag(splices, _continueValue, "true", "\"continue_final_message\":true,");
        AddFlag(splices, _promptValue, "false", "\"add_generation_prompt\":false,");
    }

    private void AddFlag(List<Splice> splices, ByteRange value, string word, string member) => splices.Add(
        value.IsEmpty
            ? new Splice(_objectStart, 0, Encoding.ASCII.GetBytes(member))
            : new Splice(value.Start, value.Length, Encoding.ASCII.GetBytes(word)));

    private void ReadFields(WireDialect dialect, ReadOnlySpan<byte> body, int objectStart)
    {
        // The first member stands right after the brace, which was found before; from there on commas lead.
        var cursor = new JsonCursor(body, objectStart - 1);
        Span<byte> scratch = stackalloc byte[32];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(body, scratch);
            JsonKind kind = cursor.Peek();
            bool read = cursor.ReadValue(out ByteRange value);
            if (member.SequenceEqual("continue_final_message"u8))
            {
                _continueValue = value;
                _continueIsTrue = kind == JsonKind.True;
            }
            else if (member.SequenceEqual("add_generation_prompt"u8))
            {
                _promptValue = value;
            }
            else if (!read || kind == JsonKind.Null)
            {
                // What is null is left out.
            }
            else if (member.SequenceEqual("max_tokens"u8) || member.SequenceEqual("max_completion_tokens"u8))
            {
                _limits.Add(value);
            }
            else if (member.SequenceEqual("stop"u8) || member.SequenceEqual("stop_sequences"u8))
            {
                ReadStops(body, value);
            }
            else if (member.SequenceEqual("tool_choice"u8) || member.SequenceEqual("function_call"u8))
            {
                if (ForcesTool(value.Of(body)))
                {
                    Forbid(ContinuationBar.ToolCall, Encoding.ASCII.GetString(member));
                }
            }
            else if (dialect == WireDialect.OpenAi)
            {
                ReadOpenAiField(member, kind, value, body);
            }
        }
    }

    private void ReadOpenAiField(
        ReadOnlySpan<byte> member, JsonKind kind, ByteRange value, ReadOnlySpan<byte> body)
    {
        bool isOn = kind != JsonKind.False && !value.Of(body).SequenceEqual("0"u8);
        if (member.SequenceEqual("n"u8) && !value.Of(body).SequenceEqual("1"u8))
        {
            Forbid(ContinuationBar.Choices, "n");
        }
        else if (isOn && BarOfField(member) is var bar and not ContinuationBar.None)
        {
            Forbid(bar, Encoding.ASCII.GetString(member));
        }
    }

    /// <summary>Fields of OpenAI's and of engines that speak its dialect: state that only the engine has which began,
    /// or counts and places that a second answer would tell anew.</summary>
    private static ContinuationBar BarOfField(ReadOnlySpan<byte> member) => member switch
    {
        _ when member.SequenceEqual("logprobs"u8) || member.SequenceEqual("top_logprobs"u8)
            || member.SequenceEqual("prompt_logprobs"u8) => ContinuationBar.LogProbabilities,
        _ when member.StartsWith("guided_"u8) || member.SequenceEqual("structured_outputs"u8)
            || member.SequenceEqual("regex"u8) || member.SequenceEqual("ebnf"u8)
            || member.SequenceEqual("json_schema"u8) => ContinuationBar.StructuredOutput,
        _ when member.SequenceEqual("min_tokens"u8) || member.SequenceEqual("echo"u8)
            || member.SequenceEqual("return_token_ids"u8) || member.SequenceEqual("return_tokens_as_token_ids"u8)
            || member.SequenceEqual("kv_transfer_params"u8) || member.SequenceEqual("use_beam_search"u8) =>
            ContinuationBar.Field,
        _ when member.SequenceEqual("web_search_options"u8) => ContinuationBar.Citations,
        _ => ContinuationBar.None,
    };

    /// <summary>Whether a choice of tool leaves none: anything but auto and none, as a word or as an object's type.
    /// </summary>
    private static bool ForcesTool(ReadOnlySpan<byte> choice) =>
        choice.IndexOf("\"auto\""u8) < 0 && choice.IndexOf("\"none\""u8) < 0;

    private void ReadStops(ReadOnlySpan<byte> body, ByteRange value)
    {
        var cursor = new JsonCursor(body[..value.End], value.Start);
        if (cursor.Peek() == JsonKind.String)
        {
            ReadStop(ref cursor);
        }
        else if (cursor.Peek() == JsonKind.Array)
        {
            bool first = true;
            for (_ = cursor.Enter(); cursor.NextElement(ref first);)
            {
                if (cursor.Peek() == JsonKind.String)
                {
                    ReadStop(ref cursor);
                }
                else
                {
                    _ = cursor.Skip();
                }
            }
        }
    }

    private void ReadStop(ref JsonCursor cursor)
    {
        _ = cursor.ReadString(out JsonString stop);
        var text = new ArrayBufferWriter<byte>(Math.Max(1, stop.Length));
        if (TextContent.TryDecode(stop.Raw(cursor.Json), text, out _))
        {
            _stops.Add(text.WrittenSpan.ToArray());
        }
    }

    private void Forbid(ContinuationBar bar, string field)
    {
        if (Bar == ContinuationBar.None)
        {
            Bar = bar;
            Field = field;
        }
    }
}

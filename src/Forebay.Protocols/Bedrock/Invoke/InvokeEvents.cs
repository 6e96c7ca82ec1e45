using System.Buffers;
using System.Buffers.Text;
using Forebay.Protocols.Json;
using Forebay.Protocols.Translation;

namespace Forebay.Protocols.Bedrock;

/// <summary>
/// Turns the chunks of <c>InvokeModelWithResponseStream</c> into Anthropic's events. The measurements that Bedrock adds
/// to the last event stay behind; where the message itself told no usage, they are told in its <c>message_delta</c>.
/// </summary>
internal sealed class InvokeEvents
{
    private const int LongestType = 64;

    private static readonly SearchValues<byte> PaddingLetters = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"u8);

    private byte[] _event = new byte[1024];
    private byte[] _unescaped = [];
    private byte[]? _delta;
    private bool _hasUsage;

    private static ReadOnlySpan<byte> Metrics => "amazon-bedrock-invocationMetrics"u8;

    private static ReadOnlySpan<byte> UsualStart => "{\"bytes\":\""u8;

    private static ReadOnlySpan<byte> UsualEvent => "event: content_block_delta\ndata: "u8;

    private static ReadOnlySpan<byte> UsualJson => "{\"type\":\"content_block_delta\","u8;

    public void Reset()
    {
        _delta = null;
        _hasUsage = false;
    }

    /// <summary>Writes the event of one chunk. False where the payload holds none.</summary>
    public bool Take(ReadOnlySpan<byte> payload, IBufferWriter<byte> output)
    {
        if (TryUsual(payload, out ReadOnlySpan<byte> base64))
        {
            if (TryWriteUsual(base64, output))
            {
                return true;
            }
        }
        else if (!TryFindBytes(payload, out base64))
        {
            return false;
        }

        int most = Base64.GetMaxDecodedFromUtf8Length(base64.Length);
        if (_event.Length < most)
        {
            _event = new byte[Math.Max(most, 2 * _event.Length)];
        }

        if (Base64.DecodeFromUtf8(base64, _event, out _, out int length) != OperationStatus.Done)
        {
            return false;
        }

        ReadOnlySpan<byte> json = _event.AsSpan(0, length);
        return TryReadType(json, out ReadOnlySpan<byte> type)
            && (type.SequenceEqual("content_block_delta"u8)
                ? Write(type, json, output)
                : TakeRare(type, json, output));
    }

    /// <summary>Writes what was held back, where the stream ends without its last event.</summary>
    public void Flush(IBufferWriter<byte> output)
    {
        if (_delta is { } delta)
        {
            _delta = null;
            SseText.Write("message_delta"u8, delta, output);
        }
    }

    /// <summary>Finds the base64 in a payload of the form that is always sent: <c>bytes</c>, then a padding
    /// <c>p</c> of letters. Any other is read member by member.</summary>
    private static bool TryUsual(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> base64)
    {
        base64 = default;
        if (!payload.StartsWith(UsualStart))
        {
            return false;
        }

        ReadOnlySpan<byte> rest = payload[UsualStart.Length..];
        int quote = rest.IndexOf((byte)'"');
        if (quote < 0)
        {
            return false;
        }

        base64 = rest[..quote];
        rest = rest[(quote + 1)..];
        ReadOnlySpan<byte> padding = ",\"p\":\""u8;
        return rest.SequenceEqual("}"u8)
            || (rest.StartsWith(padding)
                && rest.EndsWith("\"}"u8)
                && rest.Length >= padding.Length + 2
                && !rest[padding.Length..^2].ContainsAnyExcept(PaddingLetters));
    }

    /// <summary>Decodes a delta right to where it goes. False for any other event, of which nothing is written.
    /// </summary>
    private static bool TryWriteUsual(ReadOnlySpan<byte> base64, IBufferWriter<byte> output)
    {
        const int endLength = 2;
        int most = Base64.GetMaxDecodedFromUtf8Length(base64.Length);
        Span<byte> text = output.GetSpan(UsualEvent.Length + most + endLength);
        Span<byte> json = text[UsualEvent.Length..];
        if (Base64.DecodeFromUtf8(base64, json, out _, out int length) != OperationStatus.Done
            || !json.StartsWith(UsualJson))
        {
            return false;
        }

        UsualEvent.CopyTo(text);
        SseText.OnOneLine(json[..length]);
        "\n\n"u8.CopyTo(json[length..]);
        output.Advance(UsualEvent.Length + length + endLength);
        return true;
    }

    private static bool Write(ReadOnlySpan<byte> type, ReadOnlySpan<byte> json, IBufferWriter<byte> output)
    {
        SseText.Write(type, json, output);
        return true;
    }

    private bool TakeRare(ReadOnlySpan<byte> type, ReadOnlySpan<byte> json, IBufferWriter<byte> output)
    {
        bool isDelta = type.SequenceEqual("message_delta"u8);
        if (isDelta || type.SequenceEqual("message_start"u8))
        {
            _hasUsage |= json.IndexOf("\"usage\""u8) >= 0;
        }

        if (isDelta && !_hasUsage)
        {
            Flush(output);
            _delta = json.ToArray();
            return true;
        }

        if (!type.SequenceEqual("message_stop"u8) || json.IndexOf(Metrics) < 0)
        {
            Flush(output);
            return Write(type, json, output);
        }

        if (!TryCutMetrics(json, out ByteRange member, out ByteRange value))
        {
            return false;
        }

        FlushWithUsage(value.Of(json), output);
        var cut = default(SpliceList);
        cut.Add(new Splice(member.Start, member.Length, default));
        var rest = new ArrayBufferWriter<byte>(json.Length);
        cut.WriteTo(json, rest);
        return Write(type, rest.WrittenSpan, output);
    }

    private bool TryFindBytes(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> base64)
    {
        base64 = default;
        var cursor = new JsonCursor(payload);
        Span<byte> scratch = stackalloc byte[8];
        bool first = true;
        bool found = false;
        for (bool entered = cursor.Peek() == JsonKind.Object && cursor.Enter();
            entered && cursor.NextMember(ref first, out JsonString name);)
        {
            if (!name.Keyword(payload, scratch).SequenceEqual("bytes"u8) || cursor.Peek() != JsonKind.String)
            {
                _ = cursor.Skip();
                continue;
            }

            found = cursor.ReadString(out JsonString text);
            base64 = text.Raw(payload);
            if (found && text.HasEscapes)
            {
                _unescaped = _unescaped.Length < text.Length ? new byte[text.Length] : _unescaped;
                found = JsonText.TryUnescapeAscii(base64, _unescaped, out int length);
                base64 = _unescaped.AsSpan(0, length);
            }
        }

        return found && cursor.AtEnd();
    }

    private static bool TryReadType(ReadOnlySpan<byte> json, out ReadOnlySpan<byte> type)
    {
        type = default;
        var cursor = new JsonCursor(json);
        Span<byte> scratch = stackalloc byte[8];
        bool first = true;
        for (bool entered = cursor.Peek() == JsonKind.Object && cursor.Enter();
            entered && cursor.NextMember(ref first, out JsonString name);)
        {
            if (name.Keyword(json, scratch).SequenceEqual("type"u8) && cursor.Peek() == JsonKind.String)
            {
                bool read = cursor.ReadString(out JsonString word);
                type = word.Raw(json);
                return read && type.Length is > 0 and <= LongestType;
            }

            _ = cursor.Skip();
        }

        return false;
    }

    /// <summary>Finds the member of the measurements with the comma that goes with it.</summary>
    private static bool TryCutMetrics(ReadOnlySpan<byte> json, out ByteRange member, out ByteRange value)
    {
        member = default;
        value = default;
        var cursor = new JsonCursor(json);
        Span<byte> scratch = stackalloc byte[40];
        bool first = true;
        _ = cursor.Enter();
        int end = cursor.Position;
        for (bool isFirst = true; cursor.NextMember(ref first, out JsonString name); isFirst = false)
        {
            bool isMetrics = name.Keyword(json, scratch).SequenceEqual(Metrics);
            if (!cursor.ReadValue(out ByteRange read))
            {
                return false;
            }

            if (isMetrics)
            {
                int behind = cursor.Position;
                int comma = json[behind..].IndexOfAnyExcept(" \t\r\n"u8);
                behind += isFirst && comma >= 0 && json[behind + comma] == ',' ? comma + 1 : 0;
                member = ByteRange.Between(end, behind);
                value = read;
            }

            end = cursor.Position;
        }

        return cursor.AtEnd();
    }

    private void FlushWithUsage(ReadOnlySpan<byte> metrics, IBufferWriter<byte> output)
    {
        if (_delta is not { } delta)
        {
            return;
        }

        _delta = null;
        var told = default(UsageTally);
        var cursor = new JsonCursor(metrics);
        if (cursor.Peek() == JsonKind.Object)
        {
            told.ReadInvocationMetrics(ref cursor);
        }

        int close = delta.AsSpan().LastIndexOf((byte)'}');
        WireUsage usage = told.ToUsage();
        if (!usage.Known || close < 0)
        {
            SseText.Write("message_delta"u8, delta, output);
            return;
        }

        var whole = new ArrayBufferWriter<byte>(delta.Length + 256);
        var to = new WireOutput(whole);
        to.Raw(delta.AsSpan(0, close));
        to.Raw(",\"usage\":"u8);
        AnswerWords.WriteAnthropicUsage(ref to, usage, null, isWhole: false);
        to.Raw((byte)'}');
        to.Flush();
        SseText.Write("message_delta"u8, whole.WrittenSpan, output);
    }
}

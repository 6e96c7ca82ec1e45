namespace Forebay.Protocols.Json;

/// <summary>
/// Reads strict JSON (RFC 8259) forward over one span, without allocation: no comments, no trailing commas, at most
/// <see cref="MaxDepth"/> levels. It knows only where values lie; it leaves text escaped and numbers unparsed, which is
/// what lets it pass over long strings at memory speed. It does not check UTF-8: do that once over the whole buffer.
/// </summary>
/// <remarks>
/// A container is read as <c>bool first = true; if (c.Enter()) while (c.NextElement(ref first)) { one value }</c>, and
/// afterwards <see cref="Failed"/> tells whether it was well-formed. Once failed, no container goes on. What it accepts
/// equals what System.Text.Json accepts with its defaults; a differential test over mutated texts holds that.
/// </remarks>
internal ref struct JsonCursor(ReadOnlySpan<byte> json, int start = 0)
{
    public const int MaxDepth = 64;

    private readonly ReadOnlySpan<byte> _json = json;
    private int _depth;

    /// <summary>Offset of the next byte to read.</summary>
    public int Position { get; private set; } = start;

    public JsonFault Fault { get; private set; }

    /// <summary>Where the fault was found.</summary>
    public int FaultAt { get; private set; }

    public readonly bool Failed => Fault != JsonFault.None;

    public readonly ReadOnlySpan<byte> Json => _json;

    /// <summary>Goes to the next value and tells its kind without reading it.</summary>
    public JsonKind Peek() => SkipWhitespace() switch
    {
        '"' => JsonKind.String,
        '{' => JsonKind.Object,
        '[' => JsonKind.Array,
        't' => JsonKind.True,
        'f' => JsonKind.False,
        'n' => JsonKind.Null,
        '-' or (>= '0' and <= '9') => JsonKind.Number,
        _ => JsonKind.None,
    };

    /// <summary>Enters the object or array that stands next.</summary>
    public bool Enter()
    {
        if (SkipWhitespace() is not ('{' or '['))
        {
            return Fail(JsonFault.ExpectedValue);
        }

        if (++_depth > MaxDepth)
        {
            return Fail(JsonFault.TooDeep);
        }

        Position++;
        return true;
    }

    /// <summary>Goes to the next element of the array entered; false at its end, which it leaves.</summary>
    public bool NextElement(ref bool first) => Next(']', JsonFault.ExpectedCommaOrBracket, ref first);

    /// <summary>Goes to the next member of the object entered and reads its name; false at its end, which it
    /// leaves.</summary>
    public bool NextMember(ref bool first, out JsonString name)
    {
        name = default;
        if (!Next('}', JsonFault.ExpectedCommaOrBrace, ref first))
        {
            return false;
        }

        if (SkipWhitespace() != '"')
        {
            return Fail(JsonFault.ExpectedName);
        }

        if (!ReadString(out name))
        {
            return false;
        }

        if (SkipWhitespace() != ':')
        {
            return Fail(JsonFault.ExpectedColon);
        }

        Position++;
        return true;
    }

    /// <summary>Reads the string that stands next.</summary>
    public bool ReadString(out JsonString token)
    {
        token = default;
        if (SkipWhitespace() != '"')
        {
            return Fail(JsonFault.ExpectedValue);
        }

        int start = ++Position;
        int saved = 0;
        while (true)
        {
            Position = JsonScan.EndOfText(_json, Position, ref saved);
            if (Position == _json.Length)
            {
                return Fail(JsonFault.Truncated);
            }

            switch (_json[Position])
            {
                case (byte)'"':
                    token = new JsonString(start, Position - start, Position - start - saved);
                    Position++;
                    return true;
                case (byte)'\\' when ReadEscape(ref saved):
                    break;
                case (byte)'\\':
                    return false;
                default:
                    return Fail(JsonFault.ControlCharacter);
            }
        }
    }

    /// <summary>Reads one value of any kind, checking all of it, and gives its place.</summary>
    public bool ReadValue(out ByteRange value)
    {
        _ = SkipWhitespace();
        int start = Position;
        bool read = Skip();
        value = read ? ByteRange.Between(start, Position) : default;
        return read;
    }

    /// <summary>Passes over one value of any kind, checking all of it.</summary>
    public bool Skip()
    {
        switch (Peek())
        {
            case JsonKind.String:
                return ReadString(out _);
            case JsonKind.Number:
                return SkipNumber();
            case JsonKind.True:
                return SkipLiteral("true"u8);
            case JsonKind.False:
                return SkipLiteral("false"u8);
            case JsonKind.Null:
                return SkipLiteral("null"u8);
            case JsonKind.Array:
                bool first = true;
                for (_ = Enter(); NextElement(ref first);)
                {
                    _ = Skip();
                }

                return !Failed;
            case JsonKind.Object:
                bool firstMember = true;
                for (_ = Enter(); NextMember(ref firstMember, out _);)
                {
                    _ = Skip();
                }

                return !Failed;
            default:
                return Fail(JsonFault.ExpectedValue);
        }
    }

    /// <summary>Passes over a value that was read before: goes to its end.</summary>
    public void JumpTo(int end) => Position = end;

    /// <summary>Whether nothing but white space is left; a fault otherwise.</summary>
    public bool AtEnd()
    {
        _ = SkipWhitespace();
        return !Failed && (Position == _json.Length || Fail(JsonFault.TrailingText));
    }

    private bool Next(char close, JsonFault otherwise, ref bool first)
    {
        if (Failed)
        {
            return false;
        }

        char next = SkipWhitespace();
        if (next == close)
        {
            Position++;
            _depth--;
            return false;
        }

        if (first)
        {
            first = false;
            return true;
        }

        if (next != ',')
        {
            return Fail(otherwise);
        }

        Position++;
        return true;
    }

    private char SkipWhitespace()
    {
        ReadOnlySpan<byte> json = _json;
        for (int at = Position; (uint)at < (uint)json.Length; at++)
        {
            byte next = json[at];
            if (next > ' ' || next is not ((byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t'))
            {
                Position = at;
                return (char)next;
            }
        }

        Position = json.Length;
        return '\0';
    }

    /// <summary>Passes over one escape; adds to <paramref name="saved"/> the bytes its text is shorter by.</summary>
    private bool ReadEscape(ref int saved)
    {
        ReadOnlySpan<byte> rest = _json[Position..];
        switch (rest.Length > 1 ? rest[1] : 0)
        {
            case '"' or '\\' or '/' or 'b' or 'f' or 'n' or 'r' or 't':
                saved++;
                Position += 2;
                return true;
            case 'u' when rest.Length < 6:
            case 0 when rest.Length == 1:
                return Fail(JsonFault.Truncated);
            case 'u':
                int code = HexOf(rest[2]) << 12 | HexOf(rest[3]) << 8 | HexOf(rest[4]) << 4 | HexOf(rest[5]);
                if (code < 0)
                {
                    return Fail(JsonFault.BadEscape);
                }

                // Half a surrogate pair is two of the four bytes its character has.
                saved += 6 - (code < 0x80 ? 1 : code < 0x800 || code is >= 0xD800 and <= 0xDFFF ? 2 : 3);
                Position += 6;
                return true;
            default:
                return Fail(JsonFault.BadEscape);
        }
    }

    private bool SkipNumber()
    {
        ReadOnlySpan<byte> json = _json;
        int at = Position + (json[Position] == '-' ? 1 : 0);
        int whole = Digits(json, at);
        bool good = whole == 1 || (whole > 1 && json[at] != '0');
        at += whole;
        if (good && at < json.Length && json[at] == '.')
        {
            int fraction = Digits(json, at + 1);
            good = fraction > 0;
            at += 1 + fraction;
        }

        if (good && at < json.Length && json[at] is (byte)'e' or (byte)'E')
        {
            at += at + 1 < json.Length && json[at + 1] is (byte)'+' or (byte)'-' ? 2 : 1;
            int exponent = Digits(json, at);
            good = exponent > 0;
            at += exponent;
        }

        if (!good)
        {
            return Fail(JsonFault.BadNumber);
        }

        Position = at;
        return true;
    }

    private bool SkipLiteral(ReadOnlySpan<byte> literal)
    {
        if (!_json[Position..].StartsWith(literal))
        {
            return Fail(JsonFault.BadLiteral);
        }

        Position += literal.Length;
        return true;
    }

    private bool Fail(JsonFault fault)
    {
        if (!Failed)
        {
            Fault = Position >= _json.Length ? JsonFault.Truncated : fault;
            FaultAt = Position;
        }

        return false;
    }

    private static int Digits(ReadOnlySpan<byte> json, int from)
    {
        int at = from;
        while (at < json.Length && char.IsAsciiDigit((char)json[at]))
        {
            at++;
        }

        return at - from;
    }

    private static int HexOf(byte digit) => digit switch
    {
        >= (byte)'0' and <= (byte)'9' => digit - '0',
        >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
        _ => -1,
    };
}

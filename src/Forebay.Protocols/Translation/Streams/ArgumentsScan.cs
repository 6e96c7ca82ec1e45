using System.Buffers.Text;

namespace Forebay.Protocols.Translation;

/// <summary>Follows a tool call's arguments piece by piece and tells when their object is closed: then the call is
/// complete, whatever comes next.</summary>
internal struct ArgumentsScan
{
    private int _depth;
    private bool _begun;
    private bool _inString;
    private bool _escaped;

    /// <summary>Whether the object was opened and closed.</summary>
    public readonly bool IsComplete => _begun && _depth == 0;

    /// <summary>Takes the next piece: content of a JSON string, escapes unresolved. No escape is cut between pieces,
    /// for each is a string of its own.</summary>
    public void Add(ReadOnlySpan<byte> content)
    {
        for (int at = 0; at < content.Length; at++)
        {
            byte next = content[at];
            if (next == '\\' && at + 1 < content.Length)
            {
                at++;
                next = content[at];
                if (next == 'u')
                {
                    bool read = at + 4 < content.Length
                        && Utf8Parser.TryParse(content.Slice(at + 1, 4), out ushort code, out _, 'X')
                        && code < 0x80;
                    next = read ? AsciiOf(content.Slice(at + 1, 4)) : (byte)'x';
                    at += 4;
                }
            }

            Step(next);
        }
    }

    private void Step(byte character)
    {
        if (_inString)
        {
            bool ends = !_escaped && character == '"';
            _escaped = !_escaped && character == '\\';
            _inString = !ends;
            return;
        }

        switch (character)
        {
            case (byte)'"':
                _inString = true;
                break;
            case (byte)'{' or (byte)'[':
                _begun = true;
                _depth++;
                break;
            case (byte)'}' or (byte)']':
                _depth--;
                break;
        }
    }

    private static byte AsciiOf(ReadOnlySpan<byte> digits) =>
        Utf8Parser.TryParse(digits, out ushort code, out _, 'X') ? (byte)code : (byte)'x';
}

using System.Text;

namespace Forebay.Storage.Journal;

/// <summary>
/// Gives one string per distinct text: the ids in usage records repeat, and reading them back must not cost the garbage
/// collector one string each. Not for concurrent use. Holds a bounded number; past it texts are made anew.
/// </summary>
internal sealed class TextPool
{
    private const int MaxEntries = 16_384;
    private const int MaxPooledBytes = 128;

    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    public TextPool() => _lookup = _texts.GetAlternateLookup<ReadOnlySpan<char>>();

    public string Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
        {
            return "";
        }

        if (utf8.Length > MaxPooledBytes)
        {
            return Encoding.UTF8.GetString(utf8);
        }

        Span<char> chars = stackalloc char[MaxPooledBytes];
        chars = chars[..Encoding.UTF8.GetChars(utf8, chars)];
        if (_lookup.TryGetValue(chars, out string? known))
        {
            return known;
        }

        string text = new(chars);
        if (_texts.Count < MaxEntries)
        {
            _texts.Add(text);
        }

        return text;
    }
}

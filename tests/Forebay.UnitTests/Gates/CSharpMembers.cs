using System.Text;
using System.Text.RegularExpressions;

namespace Forebay.UnitTests.Gates;

/// <summary>A member with a body, as far as braces tell.</summary>
/// <param name="Declaration">The text before its body, in one line.</param>
/// <param name="Line">Line of the opening brace, from 1.</param>
/// <param name="BodyLines">Lines from the opening brace to the closing one.</param>
public sealed record CSharpMember(string Declaration, int Line, int BodyLines);

/// <summary>
/// Finds the bodies of methods by matching braces: comments, strings and characters are skipped, a block directly
/// inside a type is a member. It knows no more of the language; that is enough to measure lengths.
/// </summary>
public sealed partial class CSharpMembers
{
    private static readonly string[] TypeWords = ["namespace", "class", "struct", "record", "interface", "enum"];

    private readonly string _text;
    private readonly Stack<(bool IsType, string Declaration, int Line)> _open = new();
    private readonly List<CSharpMember> _found = [];
    private int _line = 1;

    /// <summary>What was read since the last brace or semicolon, without comments and strings.</summary>
    private readonly StringBuilder _declaration = new();

    private CSharpMembers(string text) => _text = text;

    public static IReadOnlyList<CSharpMember> In(string text)
    {
        var scan = new CSharpMembers(text);
        scan.Run();
        return scan._found;
    }

    private void Run()
    {
        int i = 0;
        while (i < _text.Length)
        {
            int next = SkipTrivia(i);
            if (next > i)
            {
                Advance(i, next);
                i = next;
                continue;
            }

            switch (_text[i])
            {
                case '{':
                    Open();
                    break;
                case '}':
                    Close();
                    break;
                case ';':
                    _declaration.Clear();
                    break;
                default:
                    _declaration.Append(_text[i]);
                    break;
            }

            Advance(i, i + 1);
            i++;
        }
    }

    private void Advance(int from, int to) => _line += _text.AsSpan(from, to - from).Count('\n');

    private void Open()
    {
        string text = AttributePattern().Replace(_declaration.ToString(), " ");
        string declaration = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        string[] words = declaration.Split('(', ':')[0].Split(' ');
        bool isType = _open.All(o => o.IsType) && words.Any(TypeWords.Contains);
        _open.Push((isType, declaration, _line));
        _declaration.Clear();
    }

    private void Close()
    {
        _declaration.Clear();
        if (_open.TryPop(out (bool IsType, string Declaration, int Line) closed)
            && !closed.IsType && _open.TryPeek(out var parent) && parent.IsType)
        {
            _found.Add(new CSharpMember(closed.Declaration, closed.Line, _line - closed.Line + 1));
        }
    }

    /// <summary>The end of the comment, string or character that starts here; the same place when none does.</summary>
    private int SkipTrivia(int i)
    {
        ReadOnlySpan<char> rest = _text.AsSpan(i);
        if (rest.StartsWith("//"))
        {
            return EndOf("\n", i, length: 0);
        }

        if (rest.StartsWith("/*"))
        {
            return EndOf("*/", i + 2, length: 2);
        }

        if (rest[0] == '\'')
        {
            return SkipQuoted(i + 1, '\'');
        }

        int quote = i;
        while (quote < _text.Length && _text[quote] is '$' or '@')
        {
            quote++;
        }

        if (quote >= _text.Length || _text[quote] != '"')
        {
            return i;
        }

        int quotes = 1;
        while (quote + quotes < _text.Length && _text[quote + quotes] == '"')
        {
            quotes++;
        }

        string prefix = _text[i..quote];
        if (quotes >= 3)
        {
            return EndOf(new string('"', quotes), quote + quotes, quotes);
        }

        return quotes == 2 && !prefix.Contains('@')
            ? quote + 2
            : SkipString(quote + 1, verbatim: prefix.Contains('@'), interpolated: prefix.Contains('$'));
    }

    private int EndOf(string mark, int from, int length)
    {
        int at = _text.IndexOf(mark, from, StringComparison.Ordinal);
        return at < 0 ? _text.Length : at + length;
    }

    [GeneratedRegex(@"\[[^\]]*\]")]
    private static partial Regex AttributePattern();

    private int SkipQuoted(int i, char quote)
    {
        while (i < _text.Length && _text[i] != quote)
        {
            i += _text[i] == '\\' ? 2 : 1;
        }

        return Math.Min(i + 1, _text.Length);
    }

    private int SkipString(int i, bool verbatim, bool interpolated)
    {
        while (i < _text.Length)
        {
            char c = _text[i];
            char after = i + 1 < _text.Length ? _text[i + 1] : '\0';
            if (c == '"' && !(verbatim && after == '"'))
            {
                return i + 1;
            }

            if (interpolated && c == '{' && after != '{')
            {
                i = SkipHole(i + 1);
                continue;
            }

            bool pair = (!verbatim && c == '\\') || (verbatim && c == '"') || (interpolated && c == '{');
            i += pair ? 2 : 1;
        }

        return _text.Length;
    }

    private int SkipHole(int i)
    {
        int depth = 1;
        while (i < _text.Length && depth > 0)
        {
            int next = SkipTrivia(i);
            if (next > i)
            {
                i = next;
                continue;
            }

            depth += _text[i] switch
            {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            i++;
        }

        return i;
    }
}

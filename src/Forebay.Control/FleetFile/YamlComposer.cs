using Forebay.Core.Config;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Forebay.Control.FleetFile;

/// <summary>
/// Builds the node tree of one YAML document from parser events. The library's own tree stops at the first repeated
/// key, recurses without bound and hashes through aliases; this one goes on after a problem, bounds depth, and keeps
/// the place of every node.
/// </summary>
internal sealed class YamlComposer
{
    private const int MaxDepth = 64;

    private readonly string _text;
    private readonly ProblemList _problems;
    private readonly Scanner _scanner;
    private readonly Parser _parser;
    private readonly Dictionary<string, YamlNode> _anchors = new(StringComparer.Ordinal);

    public YamlComposer(string text, ProblemList problems)
    {
        _text = text;
        _problems = problems;
        _scanner = new Scanner(new StringReader(text));
        _parser = new Parser(_scanner);
    }

    /// <summary>Nodes built.</summary>
    public int Nodes { get; private set; }

    /// <summary>The root of the document, or null if there is none or it could not be read; the problem is reported.
    /// </summary>
    public YamlNode? Compose()
    {
        try
        {
            return ComposeStream();
        }
        catch (TooDeepException)
        {
            // Reported where it was found.
        }
        catch (YamlException e)
        {
            // A misplaced tab is reported where its mapping starts: what the scanner has reached is nearer.
            Place at = At(e.Message.Contains(" tab ", StringComparison.Ordinal) ? _scanner.CurrentPosition : e.Start);
            _problems.Add(at, "", $"this is not YAML: {Sentence(e.Message)}", FixAt(at.Line));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The library fails in its own ways on some malformed input, such as a bracket that is never closed.
            Place at = At(_scanner.CurrentPosition);
            _problems.Add(at, "", "this is not YAML: it ends or goes on where it may not", FixAt(at.Line));
        }

        return null;
    }

    private YamlNode? ComposeStream()
    {
        YamlNode? root = null;
        while (_parser.MoveNext())
        {
            if (_parser.Current is not DocumentStart start)
            {
                continue;
            }

            if (root is not null)
            {
                _problems.Add(
                    At(start.Start), "", "a second document starts here", "Keep one document: take the --- line out.");
                return root;
            }

            Next();
            root = Node(0);
        }

        return root;
    }

    private YamlNode Node(int depth)
    {
        ParsingEvent current = _parser.Current!;
        Place at = At(current.Start);
        if (current is AnchorAlias alias)
        {
            if (_anchors.TryGetValue(alias.Value.Value, out YamlNode? known))
            {
                return known;
            }

            _problems.Add(
                at,
                "",
                $"*{Words.Quote(alias.Value.Value)[1..^1]} names no anchor before it",
                "Define it with & first.");
            return new YamlUnread(at);
        }

        if (depth > MaxDepth && current is (SequenceStart or MappingStart))
        {
            // The scanner's cost grows with the square of the depth: nothing more is asked of it.
            _problems.Add(at, "", $"this is nested more than {MaxDepth} deep", "Take levels out.");
            throw new TooDeepException();
        }

        var node = (NodeEvent)current;
        CheckTag(node, at);
        YamlNode built = node switch
        {
            Scalar scalar => new YamlScalar(at, scalar.Value, quoted: scalar.Style != ScalarStyle.Plain),
            SequenceStart => List(new YamlList(at), depth),
            _ => Mapping(new YamlMapping(at), depth),
        };
        Nodes++;
        if (!node.Anchor.IsEmpty)
        {
            _anchors[node.Anchor.Value] = built;
        }

        return built;
    }

    private YamlList List(YamlList list, int depth)
    {
        for (Next(); _parser.Current is not SequenceEnd; Next())
        {
            list.Entries.Add(Node(depth + 1));
        }

        return list;
    }

    private YamlMapping Mapping(YamlMapping mapping, int depth)
    {
        for (Next(); _parser.Current is not MappingEnd; Next())
        {
            YamlNode key = Node(depth + 1);
            Next();
            YamlNode value = Node(depth + 1);
            if (key is YamlScalar { IsNull: false } name)
            {
                mapping.Entries.Add((name, value));
            }
            else if (key is not YamlUnread)
            {
                _problems.Add(key.At, "", "a key must be a word", "Write key: value.");
            }
        }

        return mapping;
    }

    private void CheckTag(NodeEvent node, Place at)
    {
        if (!node.Tag.IsEmpty && !node.Tag.IsNonSpecific)
        {
            _problems.Add(
                at,
                "",
                $"the tag {Words.Quote(node.Tag.Value)} means nothing here",
                "Take the word that starts with ! out.");
        }
    }

    private void Next()
    {
        if (!_parser.MoveNext())
        {
            throw new YamlException("The file ends too early.");
        }
    }

    private string FixAt(int line)
    {
        foreach (ReadOnlySpan<char> each in _text.AsSpan().EnumerateLines())
        {
            if (--line == 0)
            {
                ReadOnlySpan<char> indent = each[..^each.TrimStart().Length];
                return indent.Contains('\t') ? "Indent with spaces: YAML allows no tab there."
                    : "Check the indentation, colons, brackets and quotes here and on the line before.";
            }
        }

        return "Check that every bracket and quote is closed.";
    }

    private static string Sentence(string message)
    {
        string line = Words.Quote(message, maxShown: 200)[1..^1].TrimEnd('.');
        return line.Length == 0 ? "unreadable" : char.ToLowerInvariant(line[0]) + line[1..];
    }

    private static Place At(Mark mark) => new((int)Math.Max(1, mark.Line), (int)Math.Max(1, mark.Column));

    private sealed class TooDeepException : Exception;
}

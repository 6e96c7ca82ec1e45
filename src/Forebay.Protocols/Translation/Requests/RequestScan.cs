using System.Buffers;
using System.Text;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>
/// One reading of a request towards a target: goes over members, deals with everything that is not carried, and
/// collects what was dropped and every reason to refuse. The body was found to be strict JSON before.
/// </summary>
internal sealed class RequestScan(ReadOnlyMemory<byte> body, WireDialect target)
{
    private ReadOnlyMemory<byte> _source = body;
    private byte[]? _extended;
    private int _length = body.Length;

    /// <summary>Most reasons told at once; one request can hold a million of them.</summary>
    private const int MaxProblems = 20;

    private const int LongestPath = 3;
    private const string Blocks = "messages[].content[]";

    private readonly List<string> _problems = [];
    private readonly List<string> _dropped = [];
    private readonly int[] _indexes = new int[LongestPath];
    private int _depth;

    /// <summary>The body, and behind it what was made up for it.</summary>
    public ReadOnlySpan<byte> Body => _source.Span;

    public WireDialect Target => target;

    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Names of what was dropped, each once.</summary>
    public IReadOnlyList<string> Dropped => _dropped;

    /// <summary>Tools whose names were put together.</summary>
    public List<NamespacedTool> NamespacedTools { get; } = [];

    /// <summary>Room to decode into.</summary>
    public ArrayBufferWriter<byte> Scratch { get; } = new();

    /// <summary>Whether blocks read now are those of the system prompt.</summary>
    public bool InSystem { get; set; }

    /// <summary>Goes to the next carried member of the object entered, and leaves the cursor before its value. What is
    /// not carried is dropped or refused on the way.</summary>
    public bool Next(ref JsonCursor cursor, FieldScope scope, ref bool first, out Meaning meaning)
    {
        Span<byte> scratch = stackalloc byte[scope.LongestName];
        while (cursor.NextMember(ref first, out JsonString name))
        {
            FieldRow? row = scope.Find(name.Keyword(cursor.Json, scratch));
            if (row is null)
            {
                Unknown(scope, name.Raw(cursor.Json));
                _ = cursor.Skip();
                continue;
            }

            meaning = row.Meaning;
            if (TranslationTable.Toward(target, meaning).Fate == FieldFate.Carried)
            {
                return true;
            }

            if (cursor.ReadValue(out ByteRange value))
            {
                Judge(scope, row, value);
            }
        }

        meaning = default;
        return false;
    }

    /// <summary>Whether the target can hold a type; notes it where not.</summary>
    /// <param name="kinds">The types.</param>
    /// <param name="word">The word that says which, as a value.</param>
    /// <param name="mark">Problems noted since are those of an object that cannot be held anyway.</param>
    /// <param name="meaning">What the type means.</param>
    public bool Takes(KindScope kinds, ByteRange word, int mark, out Meaning meaning)
    {
        Span<byte> scratch = stackalloc byte[kinds.LongestName];
        meaning = kinds.Otherwise;
        bool isWord = IsString(word);
        if (isWord)
        {
            meaning = kinds.Find(Keyword(word, scratch));
        }

        ref readonly MeaningRow row = ref TranslationTable.Toward(target, meaning);
        switch (row.Fate)
        {
            case FieldFate.Carried:
                return true;
            case FieldFate.Advisory:
                Drop(meaning);
                return false;
            default:
                _problems.RemoveRange(mark, _problems.Count - mark);
                Refuse(kinds.Path, isWord ? $"{Excerpt(Inner(word))}: {row.Note}" : "is required and must be a string");
                return false;
        }
    }

    /// <summary>Deals with a field by its row.</summary>
    public void Judge(FieldScope scope, FieldRow row, ByteRange value)
    {
        ref readonly MeaningRow fate = ref TranslationTable.Toward(target, row.Meaning);
        if (value.IsEmpty || row.IsHarmless(value.Of(Body)))
        {
            return;
        }

        if (fate.Fate == FieldFate.Advisory)
        {
            Drop(row.Meaning);
        }
        else if (fate.Fate == FieldFate.Refused)
        {
            Refuse(Join(scope.Path, row.Name), fate.Note);
        }
    }

    public void Drop(Meaning meaning)
    {
        string name = TranslationTable.Toward(target, meaning).Name;
        if (!_dropped.Contains(name))
        {
            _dropped.Add(name);
        }
    }

    /// <summary>Notes why the request cannot be said in the target's dialect.</summary>
    /// <param name="path">The field, with an empty pair of brackets for each array on the way.</param>
    /// <param name="why">What is the matter and what to do.</param>
    public void Refuse(string path, string why)
    {
        if (_problems.Count < MaxProblems)
        {
            _problems.Add($"{Place(path)}: {why}");
        }
    }

    /// <summary>Puts text together from pieces of the body and makes it one as well. Where nothing is, the body is
    /// not copied.</summary>
    public ByteRange Append(ByteRange one, ReadOnlySpan<byte> between, ByteRange other)
    {
        int start = _length;
        int length = one.Length + between.Length + other.Length;
        if (_extended is null || start + length > _extended.Length)
        {
            byte[] grown = new byte[start + Math.Max(length, start / 4)];
            Body.CopyTo(grown);
            _extended = grown;
        }

        Span<byte> to = _extended.AsSpan(start);
        one.Of(_extended).CopyTo(to);
        between.CopyTo(to[one.Length..]);
        other.Of(_extended).CopyTo(to[(one.Length + between.Length)..]);
        _length = start + length;
        _source = _extended.AsMemory(0, _length);
        return new ByteRange(start, length);
    }

    /// <summary>Splits <c>data:TYPE;base64,DATA</c>. Escapes within both parts stay as they are.</summary>
    public bool TryDataUrl(ByteRange url, out ByteRange type, out ByteRange data)
    {
        type = default;
        data = default;
        ReadOnlySpan<byte> text = url.Of(Body);
        int comma = text.IndexOf(";base64,"u8);
        if (!text.StartsWith("data:"u8) || comma < 0)
        {
            return false;
        }

        int start = "data:"u8.Length;
        // Parameters between the type and the encoding say nothing that the other side can hold.
        int parameter = text[start..comma].IndexOf((byte)';');
        type = new ByteRange(url.Start + start, parameter < 0 ? comma - start : parameter);
        data = ByteRange.Between(url.Start + comma + ";base64,"u8.Length, url.End);
        return true;
    }

    /// <summary>Ends a turn of the blocks added since, and notes those that its role cannot say.</summary>
    public void EndTurn(CanonicalRequest request, TurnRole role, int first, string path = "messages[].content")
    {
        if (!request.Fits(role, first))
        {
            Refuse(
                path,
                role switch
                {
                    TurnRole.User => "a user message holds text, images, documents and results of tools only",
                    TurnRole.Assistant => "an assistant message holds text, thinking and calls of tools only",
                    _ => "a system message holds text only",
                });
        }

        request.EndTurn(role, first);
    }

    /// <summary>Where the problems stand now.</summary>
    public int Mark() => _problems.Count;

    public void Enter() => _depth++;

    /// <summary>Says which element of the array entered is read. What is nested deeper than a path tells is placed by
    /// what it stands in.</summary>
    public void At(int index)
    {
        if (_depth <= LongestPath)
        {
            _indexes[_depth - 1] = index;
        }
    }

    public void Leave() => _depth--;

    /// <summary>Goes to the next object of the array entered, and leaves the cursor before it; whatever else the array
    /// holds is refused.</summary>
    public bool NextObject(ref JsonCursor cursor, ref bool first, ref int index, string path, string why)
    {
        while (cursor.NextElement(ref first))
        {
            At(index++);
            if (cursor.Peek() == JsonKind.Object)
            {
                return true;
            }

            _ = cursor.Skip();
            Refuse(path, why);
        }

        return false;
    }

    /// <summary>Whether a value is there and not null.</summary>
    public bool Has(ByteRange value) => !value.IsEmpty && Body[value.Start] != 'n';

    public bool IsString(ByteRange value) => !value.IsEmpty && Body[value.Start] == '"';

    public bool IsArray(ByteRange value) => !value.IsEmpty && Body[value.Start] == '[';

    public bool IsObject(ByteRange value) => !value.IsEmpty && Body[value.Start] == '{';

    public bool IsTrue(ByteRange value) => !value.IsEmpty && Body[value.Start] == 't';

    public bool IsFalse(ByteRange value) => !value.IsEmpty && Body[value.Start] == 'f';

    /// <summary>The content of a string; nothing where it is none.</summary>
    public ByteRange Inner(ByteRange value) =>
        IsString(value) ? new ByteRange(value.Start + 1, value.Length - 2) : default;

    /// <summary>Whether a value is a string of this text.</summary>
    public bool Is(ByteRange value, ReadOnlySpan<byte> word)
    {
        Span<byte> scratch = stackalloc byte[32];
        return IsString(value) && Keyword(value, scratch).SequenceEqual(word);
    }

    public JsonCursor CursorAt(ByteRange value) => new(Body[..value.End], value.Start);

    private ReadOnlySpan<byte> Keyword(ByteRange word, Span<byte> scratch)
    {
        ReadOnlySpan<byte> raw = Inner(word).Of(Body);
        return raw.Contains((byte)'\\') && JsonText.TryUnescapeAscii(raw, scratch, out int length)
            ? scratch[..length]
            : raw;
    }

    private void Unknown(FieldScope scope, ReadOnlySpan<byte> name) => Refuse(
        Join(scope.Path, Encoding.UTF8.GetString(name.Length > 64 ? name[..64] : name)),
        "is not known here, so it cannot be translated; leave it out");

    private string Excerpt(ByteRange text) =>
        Encoding.UTF8.GetString(text.Of(Body)[..Math.Min(64, text.Length)]);

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private string Place(string path)
    {
        if (InSystem)
        {
            path = path.Replace(Blocks, "system[]", StringComparison.Ordinal);
        }

        var place = new StringBuilder(path.Length + 8);
        int used = 0;
        int known = Math.Min(_depth, LongestPath);
        for (int at = 0; at < path.Length; at++)
        {
            place.Append(path[at]);
            if (path[at] != '[' || used == known)
            {
                continue;
            }

            place.Append(_indexes[used++]);
            bool isLast = path.IndexOf('[', at + 1) < 0;
            if (isLast && used < known)
            {
                // A block within a result is one level further down than its path says.
                place.Append("].content[").Append(_indexes[used++]);
            }
        }

        return place.ToString();
    }
}

using System.Text;

namespace Forebay.Protocols.Translation;

/// <summary>One field of an object.</summary>
/// <param name="Name">As the dialect writes it.</param>
/// <param name="Meaning">What it means.</param>
/// <param name="Harmless">Values that ask for nothing, as JSON without white space; null always is one.</param>
internal sealed record FieldRow(string Name, Meaning Meaning, params string[] Harmless)
{
    public byte[] NameUtf8 { get; } = Encoding.UTF8.GetBytes(Name);

    private byte[][] HarmlessUtf8 { get; } = [.. Harmless.Select(Encoding.UTF8.GetBytes)];

    /// <summary>Whether a value asks for nothing.</summary>
    public bool IsHarmless(ReadOnlySpan<byte> value)
    {
        if (value.SequenceEqual("null"u8))
        {
            return true;
        }

        foreach (byte[] harmless in HarmlessUtf8)
        {
            if (EqualsButSpace(value, harmless))
            {
                return true;
            }
        }

        return false;
    }

    private static bool EqualsButSpace(ReadOnlySpan<byte> value, ReadOnlySpan<byte> compact)
    {
        int at = 0;
        foreach (byte next in value)
        {
            if (next is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            {
                continue;
            }

            if (at == compact.Length || compact[at++] != next)
            {
                return false;
            }
        }

        return at == compact.Length;
    }
}

/// <summary>The fields of one object of a dialect. A field that is not listed is not known, and is refused.</summary>
internal sealed class FieldScope
{
    private readonly FieldRow[][] _byLength;

    /// <param name="path">Where the object stands, such as <c>messages[].content[]</c>; empty for the body.</param>
    /// <param name="rows">Its fields.</param>
    public FieldScope(string path, params FieldRow[] rows)
    {
        Path = path;
        Rows = rows;
        _byLength = new FieldRow[rows.Max(r => r.Name.Length) + 1][];
        for (int length = 0; length < _byLength.Length; length++)
        {
            _byLength[length] = [.. rows.Where(r => r.Name.Length == length)];
        }
    }

    public string Path { get; }

    public IReadOnlyList<FieldRow> Rows { get; }

    /// <summary>Longest name plus one: room that a longer name, unescaped, does not fit.</summary>
    public int LongestName => _byLength.Length;

    /// <summary>Finds a field; null where it is not known.</summary>
    public FieldRow? Find(ReadOnlySpan<byte> name)
    {
        if (name.Length < _byLength.Length)
        {
            foreach (FieldRow row in _byLength[name.Length])
            {
                if (name.SequenceEqual(row.NameUtf8))
                {
                    return row;
                }
            }
        }

        return null;
    }
}

/// <summary>The types that an object of a dialect can have, told by the word in one of its fields.</summary>
/// <param name="path">The field that holds the word.</param>
/// <param name="otherwise">What a type not listed means.</param>
/// <param name="rows">The types.</param>
internal sealed class KindScope(string path, Meaning otherwise, params FieldRow[] rows)
{
    private readonly FieldScope _words = new(path, rows);

    public string Path => path;

    public Meaning Otherwise => otherwise;

    public IReadOnlyList<FieldRow> Rows => _words.Rows;

    public int LongestName => _words.LongestName;

    /// <summary>What a type means.</summary>
    public Meaning Find(ReadOnlySpan<byte> word) => _words.Find(word)?.Meaning ?? otherwise;
}

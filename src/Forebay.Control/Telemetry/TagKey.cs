using System.Diagnostics.CodeAnalysis;

namespace Forebay.Control.Telemetry;

/// <summary>
/// The tags of a measurement as a dictionary key. Up to four stand in the struct itself, so that looking up a known
/// set allocates nothing; more go into a copied array.
/// </summary>
internal readonly struct TagKey : IEquatable<TagKey>
{
    private const int Inline = 4;

    private readonly KeyValuePair<string, object?> _a;
    private readonly KeyValuePair<string, object?> _b;
    private readonly KeyValuePair<string, object?> _c;
    private readonly KeyValuePair<string, object?> _d;
    private readonly KeyValuePair<string, object?>[]? _more;
    private readonly int _count;
    private readonly int _hash;

    public TagKey(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        _count = tags.Length;
        if (_count > Inline)
        {
            _more = tags.ToArray();
        }
        else
        {
            _a = _count > 0 ? tags[0] : default;
            _b = _count > 1 ? tags[1] : default;
            _c = _count > 2 ? tags[2] : default;
            _d = _count > 3 ? tags[3] : default;
        }

        var hash = default(HashCode);
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            hash.Add(tag.Key);
            hash.Add(tag.Value);
        }

        _hash = hash.ToHashCode();
    }

    public bool Equals(TagKey other)
    {
        if (_hash != other._hash || _count != other._count)
        {
            return false;
        }

        return _more is null
            ? Same(_a, other._a) && Same(_b, other._b) && Same(_c, other._c) && Same(_d, other._d)
            : SameAll(_more, other._more!);
    }

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is TagKey other && Equals(other);

    public override int GetHashCode() => _hash;

    private static bool Same(in KeyValuePair<string, object?> x, in KeyValuePair<string, object?> y) =>
        x.Key == y.Key && Equals(x.Value, y.Value);

    private static bool SameAll(KeyValuePair<string, object?>[] x, KeyValuePair<string, object?>[] y)
    {
        for (int i = 0; i < x.Length; i++)
        {
            if (!Same(x[i], y[i]))
            {
                return false;
            }
        }

        return true;
    }
}

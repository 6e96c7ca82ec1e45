using System.Buffers;
using System.Runtime.CompilerServices;

namespace Forebay.Protocols;

/// <summary>
/// At most eight changes to one body, in order and apart from each other, held inline. The result is the original's
/// bytes with nothing else touched, so signatures and cached prefixes inside survive.
/// </summary>
public struct SpliceList
{
    /// <summary>Most splices that one list holds.</summary>
    public const int Capacity = 8;

    private Slots _splices;

    public int Count { get; private set; }

    /// <summary>Whether the body goes out as it came.</summary>
    public readonly bool IsEmpty => Count == 0;

    public readonly Splice this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return _splices[index];
        }
    }

    /// <summary>Puts a splice in its place among the others, which it must not overlap.</summary>
    /// <exception cref="InvalidOperationException">The list is full, or the splice overlaps another.</exception>
    public void Add(Splice splice)
    {
        if (Count == Capacity)
        {
            throw new InvalidOperationException($"A splice list holds {Capacity} splices.");
        }

        int at = Count;
        while (at > 0 && _splices[at - 1].Start > splice.Start)
        {
            at--;
        }

        if ((at > 0 && _splices[at - 1].End > splice.Start) || (at < Count && splice.End > _splices[at].Start))
        {
            throw new InvalidOperationException("Two splices of one body overlap.");
        }

        for (int from = Count; from > at; from--)
        {
            _splices[from] = _splices[from - 1];
        }

        _splices[at] = splice;
        Count++;
    }

    /// <summary>Length of the result for a body of this length.</summary>
    public readonly int ResultLength(int bodyLength)
    {
        int length = bodyLength;
        for (int i = 0; i < Count; i++)
        {
            length += _splices[i].Insert.Length - _splices[i].RemoveLength;
        }

        return length;
    }

    /// <summary>Writes the result.</summary>
    public readonly void WriteTo(ReadOnlySpan<byte> body, IBufferWriter<byte> output)
    {
        int at = 0;
        for (int i = 0; i < Count; i++)
        {
            output.Write(body[at.._splices[i].Start]);
            output.Write(_splices[i].Insert.Span);
            at = _splices[i].End;
        }

        output.Write(body[at..]);
    }

    /// <summary>The result as pieces of the original and the inserts, for writing out without a copy.</summary>
    public readonly SegmentEnumerator Segments(ReadOnlyMemory<byte> body) => new(this, body);

    [InlineArray(Capacity)]
    private struct Slots
    {
        private Splice _first;
    }

    /// <summary>Goes over the non-empty pieces of a result; works in <c>foreach</c>.</summary>
    public struct SegmentEnumerator
    {
        private readonly SpliceList _list;
        private readonly ReadOnlyMemory<byte> _body;
        private int _step;

        internal SegmentEnumerator(SpliceList list, ReadOnlyMemory<byte> body)
        {
            _list = list;
            _body = body;
        }

        public ReadOnlyMemory<byte> Current { get; private set; }

        public readonly SegmentEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            // Even steps are pieces of the original, odd ones the inserts between them.
            while (_step <= 2 * _list.Count)
            {
                int splice = _step / 2;
                if (_step % 2 == 1)
                {
                    Current = _list[splice].Insert;
                }
                else
                {
                    int start = splice == 0 ? 0 : _list[splice - 1].End;
                    int end = splice == _list.Count ? _body.Length : _list[splice].Start;
                    Current = _body[start..end];
                }

                _step++;
                if (!Current.IsEmpty)
                {
                    return true;
                }
            }

            return false;
        }
    }
}

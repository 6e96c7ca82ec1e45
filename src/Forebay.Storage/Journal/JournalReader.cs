namespace Forebay.Storage.Journal;

/// <summary>Reads the journal's records between two positions, over as many segments as lie there.</summary>
internal sealed class JournalReader : IDisposable
{
    private readonly JournalFolder _folder;
    private readonly JournalPosition _from;
    private readonly JournalPosition _to;
    private readonly TextPool _texts;
    private readonly long[] _segments;
    private readonly List<JournalDamage> _damage = [];
    private int _next;
    private long _expected;
    private SegmentReader? _reader;
    private JournalPosition _position;

    public JournalReader(JournalFolder folder, JournalPosition from, JournalPosition to, TextPool texts)
    {
        _folder = folder;
        _from = from;
        _to = to;
        _texts = texts;
        _segments = [.. folder.Segments().Where(s => s >= from.Segment && s <= to.Segment)];
        _expected = from.Segment;
        _position = from;
    }

    /// <summary>Everything before it was read, or reported as damaged.</summary>
    public JournalPosition Position => _position;

    /// <summary>What could not be read.</summary>
    public IReadOnlyList<JournalDamage> Damage => _damage;

    public bool TryRead(out JournalRecord record)
    {
        while (true)
        {
            if (_reader is not null)
            {
                if (_reader.TryRead(out record))
                {
                    _position = _position with { Offset = _reader.Offset };
                    return true;
                }

                Finish(_reader);
            }

            if (_next == _segments.Length)
            {
                record = default;
                _position = _position < _to ? _to : _position;
                return false;
            }

            Start(_segments[_next++]);
        }
    }

    public void Dispose() => _reader?.Dispose();

    private void Start(long segment)
    {
        if (_expected > 0 && segment > _expected)
        {
            _damage.Add(new JournalDamage(JournalFormat.FileName(_expected), 0, 0,
                $"missing, with all up to {JournalFormat.FileName(segment)}"));
        }

        _expected = segment + 1;
        if (_folder.HeaderOf(segment) is null)
        {
            _damage.Add(new JournalDamage(JournalFormat.FileName(segment), 0, JournalFormat.HeaderBytes,
                "the header is damaged"));
        }

        long start = segment == _from.Segment ? _from.Offset : JournalFormat.HeaderBytes;
        long? end = segment == _to.Segment ? _to.Offset : _folder.HeaderOf(segment + 1)?.PreviousLength;
        _reader = new SegmentReader(_folder, segment, start, end, _texts);
        _position = new JournalPosition(segment, _reader.Offset);
    }

    private void Finish(SegmentReader reader)
    {
        _damage.AddRange(reader.Damage);
        if (reader.TornBytes > 0)
        {
            _damage.Add(new JournalDamage(JournalFormat.FileName(_position.Segment), reader.Offset, reader.TornBytes,
                "the bytes do not match their checksum or are missing"));
            _position = _position with { Offset = reader.Offset + reader.TornBytes };
        }

        reader.Dispose();
        _reader = null;
    }
}

using System.Buffers;
using System.IO.Pipelines;

namespace Forebay.Emulator.Http;

/// <summary>
/// Where a stream's events are written: the response, until the number of events after which a fault strikes; what is
/// written afterwards goes nowhere.
/// </summary>
internal sealed class EventSink(PipeWriter response, int eventLimit) : IBufferWriter<byte>
{
    private readonly byte[] _nowhere = eventLimit == int.MaxValue ? [] : new byte[4096];
    private int _events;

    /// <summary>Whether the limit is reached.</summary>
    public bool IsClosed { get; private set; } = eventLimit == 0;

    public void Advance(int count)
    {
        if (!IsClosed)
        {
            response.Advance(count);
        }
    }

    public Memory<byte> GetMemory(int sizeHint = 0) =>
        IsClosed ? new byte[Math.Max(sizeHint, _nowhere.Length)] : response.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0) =>
        !IsClosed ? response.GetSpan(sizeHint)
        : sizeHint <= _nowhere.Length ? _nowhere
        : new byte[sizeHint];

    /// <summary>Marks the end of an event.</summary>
    public void EndEvent()
    {
        _events++;
        IsClosed |= _events >= eventLimit;
    }
}

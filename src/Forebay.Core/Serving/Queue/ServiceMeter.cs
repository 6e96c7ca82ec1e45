namespace Forebay.Core.Serving.Queue;

/// <summary>
/// Charges one request to its tenant's counter: the input by estimate when it is let in, the output as it streams, and
/// what is left to correct at the end. A failed request has used nothing of the tenant's share. Owned by one request.
/// </summary>
public struct ServiceMeter
{
    private ModelQueue? _queue;
    private ServiceCounter? _counter;
    private int _lifts;
    private long _input;
    private long _output;

    /// <summary>Whether the input was charged.</summary>
    public readonly bool IsOpen => _counter is not null;

    /// <summary>The input was charged.</summary>
    public static ServiceMeter Open(ModelQueue queue, ServiceCounter counter, long inputTokens, int lifts) => new()
    {
        _queue = queue, _counter = counter, _input = Math.Max(0, inputTokens), _lifts = lifts,
    };

    /// <summary>So much output has been seen so far: one atomic addition for what is new. Calling it with less than
    /// before changes nothing.</summary>
    public void Produced(long outputTokens)
    {
        if (outputTokens > _output && _counter is { } counter)
        {
            counter.Charge(0, outputTokens - _output);
            _output = outputTokens;
        }
    }

    /// <summary>Replaces what was charged by what was used, once; later calls change nothing.</summary>
    /// <param name="inputTokens">Uncached input tokens.</param>
    /// <param name="outputTokens">Output tokens.</param>
    public void Settle(long inputTokens, long outputTokens)
    {
        if (_counter is not { } counter)
        {
            return;
        }

        _counter = null;
        long units = counter.UnitsOf(inputTokens, outputTokens) - counter.UnitsOf(_input, _output);
        if (units >= 0)
        {
            counter.Add(units);
        }
        else
        {
            _queue!.TakeBack(counter, -units, _lifts);
        }
    }
}

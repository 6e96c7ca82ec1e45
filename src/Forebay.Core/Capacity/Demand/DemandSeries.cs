namespace Forebay.Core.Capacity.Demand;

/// <summary>The last weeks of one key, hour by hour, in memory that never grows: 12 bytes an hour.</summary>
internal sealed class DemandSeries
{
    private readonly float[] _input;
    private readonly float[] _output;
    private readonly float[] _requests;

    public DemandSeries(int hours)
    {
        _input = new float[hours];
        _output = new float[hours];
        _requests = new float[hours];
    }

    public void Add(int slot, DemandAmounts amounts)
    {
        _input[slot] += (float)amounts.InputTokens;
        _output[slot] += (float)amounts.OutputTokens;
        _requests[slot] += (float)amounts.Requests;
    }

    public void Clear(int slot)
    {
        _input[slot] = 0;
        _output[slot] = 0;
        _requests[slot] = 0;
    }

    public DemandAmounts At(int slot) => new(_input[slot], _output[slot], _requests[slot]);
}

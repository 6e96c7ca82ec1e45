using Forebay.Core.Errors;
using Forebay.Core.Time;

namespace Forebay.Simulation.Cells;

/// <summary>
/// Checks a run from outside, by nothing but what is observed: every request arrives once and ends once, in order, with
/// the tokens it asked for; a deployment never holds more requests than it has places; time never goes back. Throws at
/// the first violation.
/// </summary>
public sealed class CellChecker(CellFleet fleet, CellArrival[] arrivals) : ICellObserver
{
    private readonly Stage[] _stages = new Stage[arrivals.Length];
    private readonly int[] _at = new int[arrivals.Length];
    private readonly int[] _inFlight = new int[fleet.Model.Deployments.Length];
    private long _nowNs;
    private int _ended;

    private enum Stage : byte
    {
        Unseen,
        Arrived,
        Placed,
        Streaming,
        Finished,
        Refused,
    }

    public void Arrived(int request, Instant now)
    {
        Move(request, Stage.Unseen, Stage.Arrived, now);
        Require(now.MonotonicNs == arrivals[request].AtNs, request, "arrived at another time than it was sent");
    }

    public void Refused(int request, Reason reason, Instant now)
    {
        Move(request, Stage.Arrived, Stage.Refused, now);
        Require(reason != Reason.None, request, "was refused for no reason");
        _ended++;
    }

    public void Placed(int request, int deployment, Instant now)
    {
        Move(request, Stage.Arrived, Stage.Placed, now);
        _at[request] = deployment;
        int places = fleet.Model.Deployments[deployment].Config.MaxConcurrency;
        Require(++_inFlight[deployment] <= places, request, $"took place {_inFlight[deployment]} of {places}");
    }

    public void FirstToken(int request, int deployment, int cachedTokens, Instant now)
    {
        Move(request, Stage.Placed, Stage.Streaming, now);
        Require(_at[request] == deployment, request, "was answered by another deployment");
        int prompt = arrivals[request].Request.InputTokens;
        Require(cachedTokens >= 0 && cachedTokens < prompt, request, $"had {cachedTokens} of {prompt} tokens cached");
    }

    public void Finished(int request, int deployment, int outputTokens, Instant now)
    {
        Move(request, Stage.Streaming, Stage.Finished, now);
        Require(_at[request] == deployment, request, "was finished by another deployment");
        int asked = arrivals[request].Request.OutputTokens;
        Require(outputTokens == asked, request, $"got {outputTokens} of {asked} tokens");
        _inFlight[deployment]--;
        _ended++;
    }

    /// <summary>Checks what must hold when nothing is left to happen.</summary>
    public void Ended()
    {
        for (int i = 0; i < _stages.Length && _ended < _stages.Length; i++)
        {
            Require(_stages[i] is Stage.Finished or Stage.Refused, i, $"was left {_stages[i]}");
        }

        if (Array.Exists(_inFlight, n => n != 0))
        {
            throw new InvalidOperationException("Places are still taken when nothing is left to happen.");
        }
    }

    private void Move(int request, Stage from, Stage to, Instant now)
    {
        Require(_stages[request] == from, request, $"became {to} when it was {_stages[request]}");
        Require(now.MonotonicNs >= _nowNs, request, "was observed in the past");
        _stages[request] = to;
        _nowNs = now.MonotonicNs;
    }

    private static void Require(bool holds, int request, string violation)
    {
        if (!holds)
        {
            throw new InvalidOperationException($"Request {request} {violation}.");
        }
    }
}

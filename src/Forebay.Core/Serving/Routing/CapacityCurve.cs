using Forebay.Core.Time;

namespace Forebay.Core.Serving.Routing;

/// <summary>What latencies are asked for.</summary>
/// <param name="FirstTokenNs">Time to first token, the way to the site apart.</param>
/// <param name="OutputTokenNs">Time per output token.</param>
/// <param name="FirstTokenShare">The share of requests that the time to first token holds for, 0.9 for a 90th
/// percentile; 0 for its mean.</param>
public readonly record struct LatencyObjective(
    double FirstTokenNs, double OutputTokenNs, double FirstTokenShare = 0);

/// <summary>What requests are like on average.</summary>
/// <param name="UncachedTokens">Prompt tokens to compute.</param>
/// <param name="OutputTokens">Tokens of the answer.</param>
public readonly record struct RequestShape(double UncachedTokens, double OutputTokens);

/// <summary>
/// How many requests a second a deployment takes under a latency objective: a curve over objectives, not one number.
/// From the learned times: an output token takes <c>t(n) = t0 + t1 n</c> with n requests running; a prompt takes
/// <c>s = q U</c> to compute and, arriving at random, waits <c>s rho / (1 - rho)</c> at utilisation <c>rho = rate s</c>
/// (the M/M/1 queue; Kleinrock, Queueing Systems I, ch. 3), so a first token takes <c>a + c n + s / (1 - rho)</c>; and
/// by Little's law n = rate * (first token + O t(n)). The time in an M/M/1 queue is exponential (ibid., sec. 5.6), so
/// its quantile p is <c>-ln(1 - p)</c> times its mean.
/// </summary>
public static class CapacityCurve
{
    private const int Halvings = 60;

    /// <summary>The highest rate at which both objectives hold, in requests per second; 0 where not even one request
    /// alone meets them.</summary>
    /// <param name="speed">Learned times, as published.</param>
    /// <param name="shape">What requests are like.</param>
    /// <param name="objective">What is asked for.</param>
    /// <param name="places">Most requests in flight.</param>
    public static double RequestsPerSecond(
        in RouteCell speed,
        RequestShape shape,
        LatencyObjective objective,
        int places)
    {
        if (!Holds(speed, shape, objective, places, 0))
        {
            return 0;
        }

        // A rate that is surely too high: more than the places hold at the speed of a request alone.
        double low = 0;
        double high = places / Math.Max(1, Alone(speed, shape));
        for (int i = 0; i < Halvings; i++)
        {
            double rate = (low + high) / 2;
            (low, high) = Holds(speed, shape, objective, places, rate) ? (rate, high) : (low, rate);
        }

        return low * Instant.NsPerSecond;
    }

    private static double Alone(in RouteCell speed, RequestShape shape) =>
        speed.FirstTokenNs + speed.QueuedTokenNs * shape.UncachedTokens + shape.OutputTokens * speed.OutputTokenNs;

    private static bool Holds(
        in RouteCell speed,
        RequestShape shape,
        LatencyObjective objective,
        int places,
        double ratePerNs)
    {
        double prompt = speed.QueuedTokenNs * shape.UncachedTokens;
        double utilisation = ratePerNs * prompt;
        if (utilisation >= 1)
        {
            return false;
        }

        // n = rate (a + c n + s / (1 - rho) + O (t0 + t1 n)), solved for n.
        double growth = ratePerNs * (speed.InFlightNs + shape.OutputTokens * speed.BatchNs);
        if (growth >= 1)
        {
            return false;
        }

        double computing = prompt / (1 - utilisation);
        double fixedNs = speed.FirstTokenNs + computing + shape.OutputTokens * speed.OutputTokenNs;
        double running = ratePerNs * fixedNs / (1 - growth);
        double tail = objective.FirstTokenShare > 0 ? -Math.Log(1 - objective.FirstTokenShare) : 1;
        return running <= places
            && speed.FirstTokenNs + speed.InFlightNs * running + tail * computing <= objective.FirstTokenNs
            && speed.OutputTokenNs + speed.BatchNs * Math.Max(1, running) <= objective.OutputTokenNs;
    }
}

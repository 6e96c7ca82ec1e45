namespace Forebay.Core.Serving.Engine;

/// <summary>
/// A run of steps of one composition. The first takes <see cref="FirstPs"/>, each further one <see cref="GrowthPs"/>
/// more as the KV cache grows, so the time of any number of steps is a closed form and its inverse a square root.
/// </summary>
internal struct StepRun
{
    /// <summary>Steps of the run; 0 when there is none.</summary>
    public int Steps;

    /// <summary>Time of the first step, in picoseconds.</summary>
    public long FirstPs;

    /// <summary>By how much each step is longer than the one before, in picoseconds.</summary>
    public long GrowthPs;

    /// <summary>When the run starts: whole nanoseconds on the monotonic clock.</summary>
    public long StartNs;

    /// <summary>When the run starts: picoseconds beyond <see cref="StartNs"/>, 0 to 999.</summary>
    public long StartPs;

    /// <summary>Time of the first <paramref name="steps"/> steps, in picoseconds.</summary>
    public readonly long SpanPs(long steps) => checked(steps * FirstPs + steps * (steps - 1) / 2 * GrowthPs);

    /// <summary>The first whole nanosecond at which so many steps are done.</summary>
    public readonly long EndNs(long steps) => StartNs + (StartPs + SpanPs(steps) + 999) / 1000;

    /// <summary>Whole steps done by a time, at most <see cref="Steps"/>.</summary>
    public readonly int StepsBy(long nowNs)
    {
        if (Steps == 0 || nowNs <= StartNs)
        {
            return 0;
        }

        if (nowNs >= EndNs(Steps))
        {
            return Steps;
        }

        // The span is at most EndNs - StartNs here, so the product cannot overflow.
        long elapsedPs = (nowNs - StartNs) * 1000 - StartPs;
        double guess = GrowthPs == 0
            ? (double)elapsedPs / FirstPs
            : SolveFor(elapsedPs);
        int steps = (int)Math.Clamp(guess, 0, Steps);
        while (steps > 0 && SpanPs(steps) > elapsedPs)
        {
            steps--;
        }

        while (steps < Steps && SpanPs(steps + 1) <= elapsedPs)
        {
            steps++;
        }

        return steps;
    }

    /// <summary>Whether a time is exactly the end of so many steps: a new step could begin then.</summary>
    public readonly bool IsBoundary(int steps, long nowNs) => EndNs(steps) == nowNs;

    /// <summary>Moves the start past the first <paramref name="steps"/> steps.</summary>
    public void Skip(int steps)
    {
        long ps = StartPs + SpanPs(steps);
        StartNs += ps / 1000;
        StartPs = ps % 1000;
        FirstPs += steps * GrowthPs;
        Steps -= steps;
    }

    private readonly double SolveFor(long elapsedPs)
    {
        double half = GrowthPs / 2.0;
        double b = FirstPs - half;
        return (Math.Sqrt(b * b + 4 * half * elapsedPs) - b) / (2 * half);
    }
}

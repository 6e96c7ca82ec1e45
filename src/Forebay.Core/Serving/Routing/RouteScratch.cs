namespace Forebay.Core.Serving.Routing;

/// <summary>Memory that a decision works in; one for each thread, used again and again.</summary>
public sealed class RouteScratch
{
    [ThreadStatic]
    private static RouteScratch? _ofThread;

    /// <summary>The calling thread's.</summary>
    public static RouteScratch OfThread => _ofThread ??= new RouteScratch();

    /// <summary>What each deployment holds of the prompt in hand.</summary>
    public OverlapMap Overlaps { get; } = new();

    internal float[] Scores { get; private set; } = [];

    internal int[] Ties { get; private set; } = [];

    internal float[] TokenNs { get; private set; } = [];

    internal void Reserve(int candidates)
    {
        if (Scores.Length < candidates)
        {
            Scores = new float[candidates * 2];
            Ties = new int[candidates * 2];
            TokenNs = new float[candidates * 2];
        }
    }
}

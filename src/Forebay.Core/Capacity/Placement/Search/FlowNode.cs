namespace Forebay.Core.Capacity.Placement;

/// <summary>Capacity for one version at one site, and what it serves. Amounts by class are laid out class by class,
/// hour by hour.</summary>
internal sealed class FlowNode(int site, ulong mask, int classes, int hours)
{
    public int Site => site;

    /// <summary>Classes that may be served here.</summary>
    public ulong Mask => mask;

    public double[] Capacity { get; private set; } = new double[hours];

    /// <summary>What its capacity was in the step before.</summary>
    public double[] Before { get; private set; } = new double[hours];

    public double[] Used { get; } = new double[hours];

    public double[] Flow { get; } = new double[classes * hours];

    /// <summary>What serving each class here is worth.</summary>
    public double[] Worth { get; } = new double[classes];

    /// <summary>Begins a step without capacity; what it served in the one before stays until that is found
    /// anew.</summary>
    public void Begin()
    {
        (Capacity, Before) = (Before, Capacity);
        Array.Clear(Capacity);
    }

    /// <summary>The classes, nearest first.</summary>
    public int[] Order { get; set; } = [];
}

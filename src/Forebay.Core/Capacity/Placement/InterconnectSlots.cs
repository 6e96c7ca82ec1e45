namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// How much of an interconnect domain a gang takes. Sizes are rounded up to a chain in which each divides the next and
/// all divide the domain: then gangs of any sizes can be packed into the domains whenever their sum fits, largest
/// first, and whoever counts accelerators never promises a gang that no domain could hold.
/// </summary>
public static class InterconnectSlots
{
    /// <summary>The slot of a gang: the smallest size of the chain that holds it; 0 where no domain does.</summary>
    /// <param name="accelerators">Size of the gang, at least 1.</param>
    /// <param name="domain">Accelerators of a domain, at least 1.</param>
    public static int For(int accelerators, int domain)
    {
        if (accelerators > domain)
        {
            return 0;
        }

        // Large factors go first, so that the small end of the chain is powers of two, as gangs mostly are.
        int slot = domain;
        while (slot > accelerators)
        {
            int next = slot / LargestPrimeFactor(slot);
            if (next < accelerators)
            {
                break;
            }

            slot = next;
        }

        return slot;
    }

    private static int LargestPrimeFactor(int number)
    {
        int largest = 1;
        for (int factor = 2; factor <= number / factor; factor++)
        {
            while (number % factor == 0)
            {
                largest = factor;
                number /= factor;
            }
        }

        return Math.Max(largest, number);
    }
}

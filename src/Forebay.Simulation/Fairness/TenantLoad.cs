using Forebay.Core.Limits;
using Forebay.Simulation.Cells;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Fairness;

/// <summary>What one tenant asks for: all of it at once, so that it always has something waiting.</summary>
/// <param name="Id">The tenant.</param>
/// <param name="Weight">Its weight.</param>
/// <param name="Requests">How many.</param>
/// <param name="InputTokens">Mean length of its prompts; each is drawn from half to one and a half of it.</param>
/// <param name="OutputTokens">Mean length of its answers, likewise.</param>
public sealed record TenantLoad(string Id, double Weight, int Requests, int InputTokens, int OutputTokens)
{
    /// <summary>Tenants that differ in all they can: by a factor of 60 in prompts, 40 in answers, 4 in weight.
    /// </summary>
    public static IReadOnlyList<TenantLoad> Contrast(int scale) =>
    [
        new("chat", 1, 12 * scale, 400, 300),
        new("documents", 1, 5 * scale, 6_000, 100),
        new("writing", 2, 11 * scale, 100, 800),
        new("labels", 0.5, 24 * scale, 700, 20),
    ];

    /// <summary>The tier that gives the tenant its weight.</summary>
    public TierConfig Tier => new() { Id = Id, Weight = Weight };

    /// <summary>The requests of all tenants, one tenant after the other: whoever serves in order of arrival serves the
    /// first alone for a long time.</summary>
    public static CellArrival[] Arrivals(IReadOnlyList<TenantLoad> tenants, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(tenants);
        return
        [
            .. tenants.SelectMany((tenant, t) => Enumerable.Range(0, tenant.Requests).Select(i =>
            {
                var draw = new SplitMix64(seed, ((ulong)t << 32) + (ulong)i);
                int input = Draw(ref draw, tenant.InputTokens);
                return new CellArrival(0, new CellRequest(0, input, Draw(ref draw, tenant.OutputTokens), [], i, t));
            })),
        ];
    }

    private static int Draw(ref SplitMix64 draw, int mean) => Math.Max(1, (int)(mean * (0.5 + draw.NextDouble())));
}

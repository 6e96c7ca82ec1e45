using System.Collections.Immutable;
using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity.Concentration;

/// <summary>Accelerators of a pool that a holder has.</summary>
/// <param name="Holder">A deployment, job or reserve.</param>
/// <param name="Pool">The pool's id.</param>
/// <param name="Accelerators">How many.</param>
public readonly record struct LeasedAccelerators(string Holder, string Pool, decimal Accelerators);

/// <summary>What a deployment served in the window, from the usage ledger.</summary>
/// <param name="Deployment">Its id; it may be gone from the fleet since, and then only its provider's groups are
/// known.</param>
/// <param name="Provider">Its provider then.</param>
/// <param name="Tokens">Prompt and output tokens.</param>
/// <param name="CostMicros">What the provider charges for them, in millionths of a US dollar.</param>
public readonly record struct ServedTokens(string Deployment, string Provider, long Tokens, long CostMicros);

/// <summary>An amount and its share of the whole.</summary>
/// <param name="Amount">Accelerators, tokens or US dollars.</param>
/// <param name="Share">0 to 1; 0 where the whole is nothing.</param>
public readonly record struct ConcentrationShare(decimal Amount, double Share);

/// <summary>The shares of a provider or a concentration group, by measure.</summary>
public sealed record ConcentrationEntry(string Id, ImmutableArray<ConcentrationShare> Shares)
{
    public ConcentrationShare Of(ConcentrationMeasure measure) => Shares[(int)measure];
}

/// <summary>
/// How a fleet's capacity, traffic and money are spread. Providers part the whole; groups need not: a site may be in
/// several, or in none, and their shares need not sum to one.
/// </summary>
/// <param name="From">Start of the window.</param>
/// <param name="To">Its end.</param>
/// <param name="Totals">The whole, by measure.</param>
/// <param name="Providers">In the order of the fleet file, those that have left it last.</param>
/// <param name="Groups">In the order of the fleet file.</param>
/// <param name="Unpriced">Commitments whose spend is not known, with the reason: they are in no share of spend.</param>
public sealed record ConcentrationReport(
    DateTimeOffset From,
    DateTimeOffset To,
    ImmutableArray<decimal> Totals,
    ImmutableArray<ConcentrationEntry> Providers,
    ImmutableArray<ConcentrationEntry> Groups,
    ImmutableArray<UnpricedCommitment> Unpriced)
{
    public decimal Total(ConcentrationMeasure measure) => Totals[(int)measure];

    public ConcentrationEntry? Group(string id) => Groups.FirstOrDefault(g => g.Id == id);

    /// <summary>
    /// The Herfindahl-Hirschman index over providers: the sum of squared shares, from 1/n for n equal ones to 1 for a
    /// single one; null where the whole is nothing. Hirschman 1945, Herfindahl 1950; the merger guidelines of the U.S.
    /// Department of Justice and the FTC (2023, guideline 1) call more than 0.18 (their 1,800) highly concentrated.
    /// </summary>
    public double? Herfindahl(ConcentrationMeasure measure) =>
        Total(measure) > 0 ? Providers.Sum(p => p.Of(measure).Share * p.Of(measure).Share) : null;
}

/// <summary>Works the shares out. Pure: takes leases and usage as values.</summary>
public static class ConcentrationShares
{
    private static readonly int Measures = Enum.GetValues<ConcentrationMeasure>().Length;

    /// <summary>Sums up who has what. Cost: linear in leases, usage, pools and commitments.</summary>
    /// <param name="fleet">The fleet in force.</param>
    /// <param name="leases">What is leased now.</param>
    /// <param name="served">What was served in the window.</param>
    /// <param name="from">Start of the window.</param>
    /// <param name="to">Its end, later.</param>
    public static ConcentrationReport Of(
        FleetConfig fleet,
        IEnumerable<LeasedAccelerators> leases,
        IEnumerable<ServedTokens> served,
        DateTimeOffset from,
        DateTimeOffset to)
    {
        var places = new ConcentrationPlaces(fleet);
        var tally = new Tally(places);
        foreach (LeasedAccelerators lease in leases)
        {
            tally.Add(ConcentrationMeasure.Leased, places.OfPool(lease.Pool), lease.Accelerators);
        }

        foreach (ServedTokens use in served)
        {
            ConcentrationPlace place = places.OfDeployment(use.Deployment, use.Provider);
            tally.Add(ConcentrationMeasure.Served, place, use.Tokens);
            tally.Add(ConcentrationMeasure.Spend, place, use.CostMicros / 1_000_000m);
        }

        var unpriced = ImmutableArray.CreateBuilder<UnpricedCommitment>();
        foreach (CommitmentConfig commitment in fleet.Commitments)
        {
            CommittedSpend spend = CommittedSpend.Of(fleet, commitment, from, to);
            if (spend.Unknown is { } why)
            {
                unpriced.Add(new UnpricedCommitment(commitment.Id, why));
            }

            foreach ((string? pool, decimal usd) in spend.Parts)
            {
                tally.Add(
                    ConcentrationMeasure.Spend,
                    pool is null ? places.OfProvider(commitment.Provider) : places.OfPool(pool),
                    usd);
            }
        }

        return new ConcentrationReport(
            from, to, tally.Totals, tally.Providers, tally.Groups, unpriced.ToImmutable());
    }

    /// <summary>What the deployments of a fleet hold: replicas times accelerators of each. Those on an API quota hold
    /// none.</summary>
    public static IEnumerable<LeasedAccelerators> LeasesOf(FleetConfig fleet) => fleet.Deployments
        .Where(d => d.AcceleratorsPerReplica > 0)
        .Select(d => new LeasedAccelerators(d.Id, d.Pool, (decimal)d.Replicas * d.AcceleratorsPerReplica));

    private sealed class Tally(ConcentrationPlaces places)
    {
        private readonly decimal[] _totals = new decimal[Measures];
        private readonly Dictionary<string, decimal[]> _providers = Rows(places.Providers);
        private readonly Dictionary<string, decimal[]> _groups = Rows(places.Groups);

        public ImmutableArray<decimal> Totals => [.. _totals];

        public ImmutableArray<ConcentrationEntry> Providers => Entries(_providers);

        public ImmutableArray<ConcentrationEntry> Groups => Entries(_groups);

        public void Add(ConcentrationMeasure measure, ConcentrationPlace place, decimal amount)
        {
            if (amount <= 0)
            {
                return;
            }

            _totals[(int)measure] += amount;
            Row(_providers, place.Provider)[(int)measure] += amount;
            foreach (string group in place.Groups)
            {
                Row(_groups, group)[(int)measure] += amount;
            }
        }

        private static Dictionary<string, decimal[]> Rows(IEnumerable<string> ids) =>
            ids.ToDictionary(id => id, _ => new decimal[Measures], StringComparer.Ordinal);

        private static decimal[] Row(Dictionary<string, decimal[]> rows, string id)
        {
            if (!rows.TryGetValue(id, out decimal[]? row))
            {
                rows.Add(id, row = new decimal[Measures]);
            }

            return row;
        }

        private ImmutableArray<ConcentrationEntry> Entries(Dictionary<string, decimal[]> rows) =>
        [
            .. rows.Select(r => new ConcentrationEntry(
                r.Key, [.. r.Value.Select((amount, m) => ShareOf(amount, _totals[m]))])),
        ];

        private static ConcentrationShare ShareOf(decimal amount, decimal total) =>
            new(amount, total == 0 ? 0 : (double)(amount / total));
    }
}

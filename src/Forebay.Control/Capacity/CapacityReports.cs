using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Forebay.Control.Admin.Contract;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Control.Partners;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Capacity.Statements;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Usage;

namespace Forebay.Control.Capacity;

/// <summary>What commitments owed, gave and cost, from the ledger and the store.</summary>
public sealed class CapacityReports(
    CapacityService capacity, PartnerService partners, Func<FleetModel> model, AuditedChange change, TimeProvider time)
{
    /// <summary>What is used of quotas; null where usage goes by another clock than contracts.</summary>
    public IUsageLedger? Usage { get; init; }

    /// <summary>Longest time of one statement.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    private static readonly CapacityUnit[] Units = Enum.GetValues<CapacityUnit>();

    /// <summary>A commitment hour by hour, up to now at the latest.</summary>
    /// <exception cref="RefusedException">There is no such commitment.</exception>
    public async Task<CommitmentStatement> StateAsync(
        string commitment, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        (CommitmentConfig terms, string[] pools) = Find(commitment) ?? throw new RefusedException(
            RefusalKind.NotFound,
            $"There is no commitment '{Words.Escape(commitment)}' in the fleet or of a partner.");
        long fromMs = from.ToUnixTimeMilliseconds();
        long toMs = Math.Min(to.ToUnixTimeMilliseconds(), time.GetUtcNow().ToUnixTimeMilliseconds());
        IReadOnlyList<Lease> leases = await capacity.ReadLeasesAsync(fromMs, toMs, cancel).ConfigureAwait(false);
        CapacityLedger ledger = capacity.Ledger;
        PoolSupply[] supplies =
        [
            .. pools.SelectMany(p => Units.Select(u => ledger.SupplyOf(new CapacityLane(p, u)))).OfType<PoolSupply>(),
        ];
        QuotaUse? use = Usage is null || toMs <= fromMs || !supplies.Any(s => QuotaUse.IsMeasured(s.Lane.Unit)) ? null
            : QuotaUse.ByHour(await Usage.QueryAsync(QuotaUse.HoursOf(HourOf(fromMs), HourOf(toMs).AddHours(1)), cancel)
                .ConfigureAwait(false));
        return CapacityAccount.Of(terms, supplies, leases, fromMs, Math.Max(fromMs, toMs), use);
    }

    private static DateTimeOffset HourOf(long unixMs) =>
        DateTimeOffset.FromUnixTimeSeconds(unixMs / 3_600_000 * 3600);

    /// <summary>Compares an invoice with what was delivered.</summary>
    public async Task<IReadOnlyList<InvoiceLine>> ReconcileAsync(string csv, CancellationToken cancel)
    {
        var asked = new HashSet<(string, long, long)>();
        InvoiceReconciliation.Reconcile(csv, (commitment, from, to) =>
        {
            if (Find(commitment) is not null)
            {
                asked.Add((commitment, from, to));
            }

            return null;
        });
        var statements = new Dictionary<(string, long, long), CommitmentStatement>();
        foreach ((string commitment, long from, long to) in asked)
        {
            statements.Add((commitment, from, to), await StateAsync(
                commitment,
                DateTimeOffset.FromUnixTimeMilliseconds(from),
                DateTimeOffset.FromUnixTimeMilliseconds(to),
                cancel).ConfigureAwait(false));
        }

        return InvoiceReconciliation.Reconcile(csv, (c, f, t) => statements.GetValueOrDefault((c, f, t)));
    }

    /// <summary>Evidence about a commitment, whose hash is written into the audit log before it is handed out: whoever
    /// holds the file and the log can prove that neither was changed since.</summary>
    public async Task<EvidenceView> EvidenceAsync(
        string commitment, DateTimeOffset from, DateTimeOffset to, string actor, CancellationToken cancel)
    {
        CommitmentStatement statement = await StateAsync(commitment, from, to, cancel).ConfigureAwait(false);
        Partner? partner = partners.Partners.FirstOrDefault(p => p.Offer.Commitment.Id == commitment);
        string csv = CsvOf(statement);
        string json = JsonSerializer.Serialize(
            new EvidenceDocument(
                ViewOf(statement),
                partner is null ? [] : PartnerViews.Of(partner).Acceptances,
                partner is null ? [] : PartnerViews.Of(partner).Reclaims),
            AdminJson.Default.EvidenceDocument);
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(json)));
        string csvSha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(csv)));
        string detail =
            $$"""{"json_sha256":"{{sha256}}","csv_sha256":"{{csvSha256}}","from":"{{from:O}}","to":"{{to:O}}"}""";
        await change.RunAsync(
            new AuditNote(actor, "capacity.evidence", commitment, detail), static () => Task.CompletedTask)
            .ConfigureAwait(false);
        return new EvidenceView(json, sha256, csv, csvSha256);
    }

    public static StatementView ViewOf(CommitmentStatement statement)
    {
        CapacityHourView[] hours = [.. statement.Hours.Select(h => new CapacityHourView(
            DateTimeOffset.FromUnixTimeMilliseconds(h.HourUnixMs),
            CapacityUnitWords.Of(h.Unit),
            h.Contracted,
            h.Usable,
            h.Delivered,
            h.Available,
            h.Leased,
            h.Used,
            ViewOf(h.Charge),
            ViewOf(h.Credit),
            ViewOf(h.Waste),
            h.Breaches))];
        return new StatementView(
            statement.Commitment,
            DateTimeOffset.FromUnixTimeMilliseconds(statement.FromUnixMs),
            DateTimeOffset.FromUnixTimeMilliseconds(statement.ToUnixMs),
            hours,
            ViewOf(statement.Hours.Aggregate(default(UsdRange), static (sum, h) => sum + h.Charge)),
            ViewOf(statement.Hours.Aggregate(default(UsdRange), static (sum, h) => sum + h.Credit)),
            ViewOf(statement.Hours.Aggregate(default(UsdRange), static (sum, h) => sum + h.Waste)),
            statement.Hours.Count(h => !h.Breaches.IsEmpty));
    }

    public static UsdView ViewOf(UsdRange usd) => new(decimal.Round(usd.Low, 2), decimal.Round(usd.High, 2));

    public static string CsvOf(CommitmentStatement statement)
    {
        var text = new StringBuilder("commitment,hour,unit,contracted,usable,delivered,available,leased,used," +
            "charge_usd_low,charge_usd_high,credit_usd_low,credit_usd_high,waste_usd_low,waste_usd_high,breaches\r\n");
        foreach (CapacityHour h in statement.Hours)
        {
            string[] fields =
            [
                statement.Commitment,
                DateTimeOffset.FromUnixTimeMilliseconds(h.HourUnixMs).ToString("yyyy-MM-dd'T'HH':00Z'",
                    CultureInfo.InvariantCulture),
                CapacityUnitWords.Of(h.Unit),
                .. new[]
                {
                    h.Contracted, h.Usable, h.Delivered, h.Available, h.Leased, h.Used, h.Charge.Low, h.Charge.High,
                    h.Credit.Low, h.Credit.High, h.Waste.Low, h.Waste.High,
                }.Select(n => n.ToString("0.######", CultureInfo.InvariantCulture)),
                string.Join(' ', h.Breaches),
            ];
            text.AppendJoin(',', fields).Append("\r\n");
        }

        return text.ToString();
    }

    /// <summary>A commitment's terms and pools: in force, or of a partner that has left.</summary>
    private (CommitmentConfig Terms, string[] Pools)? Find(string id)
    {
        FleetConfig fleet = model().Config;
        if (fleet.Commitments.FirstOrDefault(c => c.Id == id) is { } inForce)
        {
            return (inForce, [.. fleet.Pools.Where(p => p.Commitment == id).Select(p => p.Id)]);
        }

        return partners.Partners.FirstOrDefault(p => p.Offer.Commitment.Id == id) is { } partner
            ? (partner.Offer.Commitment, [.. partner.Offer.Pools.Select(p => p.Id)])
            : null;
    }
}

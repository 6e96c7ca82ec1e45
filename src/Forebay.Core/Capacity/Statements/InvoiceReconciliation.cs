using System.Collections.Immutable;
using System.Globalization;

namespace Forebay.Core.Capacity.Statements;

/// <summary>A line of an invoice beside what is on record.</summary>
/// <param name="Line">Its line in the file, from 1.</param>
/// <param name="Commitment">The commitment it names.</param>
/// <param name="Period">The hour, day or month it bills.</param>
/// <param name="BilledQuantity">Unit-hours billed.</param>
/// <param name="DeliveredQuantity">Unit-hours delivered by the record.</param>
/// <param name="BilledUsd">Dollars billed.</param>
/// <param name="OwedUsd">Dollars owed by the record: the charge less the credit.</param>
/// <param name="Difference">What does not agree, in words; null where all does.</param>
public sealed record InvoiceLine(
    int Line,
    string Commitment,
    string Period,
    decimal BilledQuantity,
    decimal DeliveredQuantity,
    decimal BilledUsd,
    UsdRange OwedUsd,
    string? Difference);

/// <summary>Compares an invoice with what was delivered. Pure.</summary>
public static class InvoiceReconciliation
{
    private const decimal QuantityTolerance = 0.005m;
    private const decimal UsdTolerance = 0.01m;
    private const int MostLines = 100_000;
    private static readonly string[] Columns = ["commitment", "period", "quantity", "amount"];

    /// <summary>Reads an invoice: CSV with the columns commitment, period, quantity (unit-hours) and amount (US
    /// dollars); the period is a month (2026-06), a day (2026-06-01) or an hour (2026-06-01T05), UTC.</summary>
    /// <param name="csv">The file.</param>
    /// <param name="stateOf">A commitment's statement over a time; null for one that is not known.</param>
    public static ImmutableArray<InvoiceLine> Reconcile(
        string csv, Func<string, long, long, CommitmentStatement?> stateOf)
    {
        var lines = ImmutableArray.CreateBuilder<InvoiceLine>();
        var billed = new List<(string Commitment, long From, long To, int Line)>();
        string[] rows = csv.Split('\n');
        for (int i = 0; i < rows.Length && i < MostLines; i++)
        {
            string row = rows[i].Trim().TrimStart('\uFEFF');
            if (row.Length == 0)
            {
                continue;
            }

            string[] fields = [.. row.Split(',').Select(f => f.Trim().Trim('"'))];
            if (i == 0 && fields.SequenceEqual(Columns, StringComparer.OrdinalIgnoreCase))
            {
                continue;
            }

            lines.Add(Compare(i + 1, fields, billed, stateOf));
        }

        return lines.ToImmutable();
    }

    private static InvoiceLine Compare(
        int line,
        string[] fields,
        List<(string Commitment, long From, long To, int Line)> billed,
        Func<string, long, long, CommitmentStatement?> stateOf)
    {
        if (fields.Length != Columns.Length
            || !TryPeriod(fields[1], out long from, out long to)
            || !TryNumber(fields[2], out decimal quantity)
            || !TryNumber(fields[3], out decimal usd))
        {
            return new InvoiceLine(line, fields[0], fields.ElementAtOrDefault(1) ?? "", 0, 0, 0, default,
                $"the line cannot be read: give {string.Join(",", Columns)}, such as terms-1,2026-06-01,768,1536.00");
        }

        string commitment = fields[0];
        if (stateOf(commitment, from, to) is not { } statement)
        {
            return new InvoiceLine(
                line, commitment, fields[1], quantity, 0, usd, default, "no commitment has this name");
        }

        CapacityHour[] hours = statement.Hours.IsEmpty ? []
            : [.. statement.Hours.Where(h => h.Unit == statement.Hours[0].Unit)];
        decimal delivered = hours.Sum(h => h.Delivered);
        UsdRange owed = hours.Aggregate(default(UsdRange), static (sum, h) => sum + new UsdRange(
            h.Charge.Low - h.Credit.Low, h.Charge.High - h.Credit.High));
        var wrong = new List<string>();
        int overlap = billed.FindIndex(b => b.Commitment == commitment && b.From < to && from < b.To);
        if (overlap >= 0)
        {
            wrong.Add($"line {billed[overlap].Line} bills a part of this time already");
        }

        billed.Add((commitment, from, to, line));
        if (Math.Abs(quantity - delivered) > QuantityTolerance)
        {
            wrong.Add($"bills {Show(quantity)} unit-hours, {Show(delivered)} were delivered " +
                $"({Signed(quantity - delivered)})");
        }

        if (usd < owed.Low - UsdTolerance || usd > owed.High + UsdTolerance)
        {
            decimal off = usd > owed.High ? usd - owed.High : usd - owed.Low;
            wrong.Add($"bills {Usd(usd)}, {OwedText(owed)} is owed ({Signed(decimal.Round(off, 2))} USD)");
        }

        return new InvoiceLine(
            line, commitment, fields[1], quantity, delivered, usd, owed,
            wrong.Count == 0 ? null : string.Join("; ", wrong));
    }

    private static bool TryPeriod(string text, out long from, out long to)
    {
        (string Format, Func<DateTimeOffset, DateTimeOffset> End)[] forms =
        [
            ("yyyy-MM", t => t.AddMonths(1)), ("yyyy-MM-dd", t => t.AddDays(1)),
            ("yyyy-MM-dd'T'HH", t => t.AddHours(1)),
        ];
        foreach ((string format, Func<DateTimeOffset, DateTimeOffset> end) in forms)
        {
            if (DateTimeOffset.TryParseExact(
                text, format, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset start)
                && start.Year < 9999)
            {
                from = start.ToUnixTimeMilliseconds();
                to = end(start).ToUnixTimeMilliseconds();
                return true;
            }
        }

        from = to = 0;
        return false;
    }

    private static bool TryNumber(string text, out decimal number) => decimal.TryParse(
        text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);

    private static string OwedText(UsdRange owed) => decimal.Round(owed.Low, 2) == decimal.Round(owed.High, 2)
        ? Usd(owed.Low)
        : $"{Usd(owed.Low)} to {Usd(owed.High)}";

    private static string Usd(decimal usd) => "$" + usd.ToString("#,0.00", CultureInfo.InvariantCulture);

    private static string Show(decimal number) => number.ToString("#,0.##", CultureInfo.InvariantCulture);

    private static string Signed(decimal number) => number.ToString("+#,0.##;-#,0.##", CultureInfo.InvariantCulture);
}

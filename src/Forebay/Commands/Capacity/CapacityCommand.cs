using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands.Capacity;

/// <summary><c>forebay capacity</c>: what is there, who holds it, and what commitments owed, gave and cost.</summary>
public static class CapacityCommand
{
    private static readonly Column[] Lanes =
    [
        new("POOL"), new("UNIT"), new("MANAGED BY"), new("CONTRACTED", true), new("USABLE", true),
        new("AVAILABLE", true), new("LEASED", true), new("FREE", true), new("USED/MIN", true), new("NEXT CHANGE"),
    ];

    private static readonly Column[] Leases =
    [
        new("LEASE"), new("HOLDER"), new("POOL"), new("UNIT"), new("HOLDS", true), new("FROM"), new("UNTIL"),
        new("REVOCABLE"), new("GENERATION", true),
    ];

    private static readonly Column[] Hours =
    [
        new("HOUR"), new("UNIT"), new("CONTRACTED", true), new("USABLE", true), new("DELIVERED", true),
        new("AVAILABLE", true), new("LEASED", true), new("USED", true), new("CREDIT USD", true),
        new("WASTE USD", true), new("BREACHES"),
    ];

    public static Command Create() => new("capacity", "What capacity there is, who holds it, and what it cost.")
    {
        CreateShow(),
        CreateLeases(),
        CreateHours(),
        CreateEvidence(),
        CreateReconcile(),
    };

    private static Command CreateShow()
    {
        Option<string?> pool = PoolOption();
        Option<DateTimeOffset?> at = AtOption();
        return AdminAction.On(
            new Command("show", "Show what each pool has, now or at a time.") { pool, at },
            async (session, cancel) =>
            {
                CapacityView view = await session.Client.CapacityAsync(QueryOf(session, pool, at), cancel)
                    .ConfigureAwait(false);
                if (session.IsJson)
                {
                    session.Output.Json(view, AdminJson.Default.CapacityView);
                }
                else
                {
                    session.Output.Table(Lanes, [.. view.Lanes.Select(l => (string[])
                    [
                        l.Pool, l.Unit, l.Owner, Number(l.Contracted), Number(l.Usable), Number(l.Available),
                        Number(l.Leased), Number(l.Free), l.Used is { } used ? Number(used) : "-",
                        l.NextChange is { } next ? TimeText.Of(next) : "-",
                    ])]);
                }

                return 0;
            });
    }

    private static Command CreateLeases()
    {
        Option<string?> pool = PoolOption();
        Option<DateTimeOffset?> at = AtOption();
        return AdminAction.On(
            new Command("leases", "Show who holds what; those that give way first come first.") { pool, at },
            async (session, cancel) =>
            {
                LeaseListView view = await session.Client.LeasesAsync(QueryOf(session, pool, at), cancel)
                    .ConfigureAwait(false);
                if (session.IsJson)
                {
                    session.Output.Json(view, AdminJson.Default.LeaseListView);
                }
                else
                {
                    session.Output.Table(Leases, [.. view.Leases.Select(l => (string[])
                    [
                        l.Id, $"{l.HolderKind} {l.Holder}", l.Pool, l.Unit, Number(l.Holds), TimeText.Of(l.From),
                        l.Until is { } until ? TimeText.Of(until) : "-", l.Revocable ? "yes" : "no",
                        Number(l.Generation),
                    ])]);
                }

                return 0;
            });
    }

    private static Command CreateHours()
    {
        Argument<string> commitment = CommitmentArgument();
        (Option<DateTimeOffset?> from, Option<DateTimeOffset?> to) = Range();
        Option<bool> csv = new("--csv") { Description = "Print CSV." };
        return AdminAction.On(
            new Command("hours", "Show a commitment hour by hour: what was owed, given and used, and its cost.")
            {
                commitment, from, to, csv,
            },
            async (session, cancel) =>
            {
                string query = $"commitment={Uri.EscapeDataString(session.Parse.GetRequiredValue(commitment))}" +
                    TimeOf(session, from, "from") + TimeOf(session, to, "to");
                if (session.Parse.GetValue(csv))
                {
                    session.Output.Raw(await session.Client.CapacityHoursCsvAsync(query, cancel).ConfigureAwait(false));
                    return 0;
                }

                StatementView view = await session.Client.CapacityHoursAsync(query, cancel).ConfigureAwait(false);
                if (session.IsJson)
                {
                    session.Output.Json(view, AdminJson.Default.StatementView);
                    return 0;
                }

                session.Output.Table(Hours, [.. view.Hours.Select(RowOf)]);
                session.Output.Line(
                    $"Charge {Usd(view.Charge)}, credit {Usd(view.Credit)}, unused by take-or-pay {Usd(view.Waste)}; " +
                    $"{view.HoursInBreach} hours in breach.");
                return 0;
            });
    }

    private static Command CreateEvidence()
    {
        Argument<string> commitment = CommitmentArgument();
        (Option<DateTimeOffset?> from, Option<DateTimeOffset?> to) = Range();
        Option<DirectoryInfo> folder = new("--to-folder") { Description = "Where the files go.", Required = true };
        return AdminAction.On(
            new Command("evidence", "Write a commitment's record as JSON and CSV; the audit log keeps their hashes.")
            {
                commitment, from, to, folder,
            },
            async (session, cancel) =>
            {
                string id = session.Parse.GetRequiredValue(commitment);
                DateTimeOffset end = session.Parse.GetValue(to) ?? TimeProvider.System.GetUtcNow();
                EvidenceView view = await session.Client.EvidenceAsync(
                    new EvidenceBody(id, session.Parse.GetValue(from) ?? end.AddDays(-30), end), cancel)
                    .ConfigureAwait(false);
                string stem = Path.Combine(session.Required(folder).FullName, $"evidence-{id}-{end:yyyyMMddHHmm}");
                try
                {
                    Directory.CreateDirectory(session.Required(folder).FullName);
                    await File.WriteAllTextAsync(stem + ".json", view.Json, cancel).ConfigureAwait(false);
                    await File.WriteAllTextAsync(stem + ".csv", view.Csv, cancel).ConfigureAwait(false);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    throw new CommandException($"The evidence cannot be written to {stem}: {e.Message}", e);
                }

                session.Output.Pairs(
                    (stem + ".json", "sha256 " + view.JsonSha256),
                    (stem + ".csv", "sha256 " + view.CsvSha256));
                return 0;
            },
            json: false);
    }

    private static Command CreateReconcile()
    {
        Argument<FileInfo> invoice = new("INVOICE")
        {
            Description = "CSV: commitment, period (2026-06, 2026-06-01 or 2026-06-01T05), quantity, amount.",
        };
        return AdminAction.On(
            new Command("reconcile", "Compare an invoice with what was delivered; list each difference.") { invoice },
            async (session, cancel) =>
            {
                FileInfo file = session.Parse.GetRequiredValue(invoice);
                ReconciliationView view = await session.Client.ReconcileAsync(Read(file), cancel).ConfigureAwait(false);
                if (session.IsJson)
                {
                    session.Output.Json(view, AdminJson.Default.ReconciliationView);
                }
                else
                {
                    foreach (InvoiceLineView l in view.Compared.Where(l => l.Difference is not null))
                    {
                        session.Output.Line($"{file}:{l.Line}: {l.Commitment} {l.Period}: {l.Difference}");
                    }

                    session.Output.Line($"{view.Lines} lines, {view.Differences} with a difference.");
                }

                return view.Differences == 0 ? 0 : AdminAction.Failed;
            });
    }

    private static string Read(FileInfo file)
    {
        try
        {
            return File.ReadAllText(file.FullName);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{file} cannot be read: {e.Message}", e);
        }
    }

    private static Option<string?> PoolOption() => new("--pool") { Description = "Only this pool." };

    private static Option<DateTimeOffset?> AtOption() =>
        TimeArguments.Moment("--at", "At a time instead of now.", back: false);

    private static Argument<string> CommitmentArgument() => new("COMMITMENT") { Description = "The commitment's id." };

    private static (Option<DateTimeOffset?> From, Option<DateTimeOffset?> To) Range() => (
        TimeArguments.Moment("--from", "Start.", back: true),
        TimeArguments.Moment("--to", "End; now when left out.", back: true));

    private static string QueryOf(AdminSession session, Option<string?> pool, Option<DateTimeOffset?> at) =>
        (session.Parse.GetValue(pool) is { } id ? $"pool={Uri.EscapeDataString(id)}" : "") + TimeOf(session, at, "at");

    private static string TimeOf(AdminSession session, Option<DateTimeOffset?> option, string name) =>
        session.Parse.GetValue(option) is { } time ? $"&{name}={Uri.EscapeDataString(TimeText.Of(time))}" : "";

    private static string[] RowOf(CapacityHourView h) =>
    [
        TimeText.Of(h.Hour), h.Unit, Number(h.Contracted), Number(h.Usable), Number(h.Delivered), Number(h.Available),
        Number(h.Leased), Number(h.Used), Usd(h.Credit), Usd(h.Waste), string.Join(',', h.Breaches),
    ];

    private static string Number(decimal number) => number.ToString("#,0.##", CultureInfo.InvariantCulture);

    private static string Usd(UsdView usd) => usd.Low == usd.High
        ? usd.Low.ToString("#,0.00", CultureInfo.InvariantCulture)
        : $"{usd.Low.ToString("#,0.00", CultureInfo.InvariantCulture)} to " +
            usd.High.ToString("#,0.00", CultureInfo.InvariantCulture);
}

using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay audit</c>: the log of administrative changes.</summary>
public static class AuditCommand
{
    private static readonly Column[] Columns =
        [new("#", true), new("AT"), new("ACTOR"), new("ACTION"), new("SUBJECT"), new("DETAIL")];

    public static Command Create() => new("audit", "The log of administrative changes, and the proof of residency.")
    {
        CreateList(),
        CreateVerify(),
        AuditResidencyCommand.Create(),
    };

    private static Command CreateList()
    {
        Option<long> after = new("--after") { Description = "Only entries after this number." };
        Option<int> limit = new("--limit")
        {
            Description = "Most entries to show, 1 to 1000.",
            DefaultValueFactory = _ => 100,
        };
        var command = new Command("list", "List changes, oldest first.") { after, limit };
        return AdminAction.On(command, async (session, cancel) =>
        {
            int most = session.Required(limit);
            AuditListView list = await session.Client.AuditAsync(session.Parse.GetValue(after), most, cancel)
                .ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(list, AdminJson.Default.AuditListView);
                return 0;
            }

            session.Output.Table(Columns, [.. list.Entries.Select(RowOf)]);
            if (list.Entries.Count == most)
            {
                session.Output.Line($"There may be more: --after {list.NextAfter}");
            }

            return 0;
        });
    }

    private static Command CreateVerify() => AdminAction.On(
        new Command("verify", "Recompute the hash chain; fails where an entry was altered or removed."),
        async (session, cancel) =>
        {
            AuditVerifyView verified = await session.Client.VerifyAuditAsync(cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(verified, AdminJson.Default.AuditVerifyView);
            }
            else
            {
                session.Output.Line(verified.Intact
                    ? "The audit log is intact."
                    : $"The audit log is broken at entry {verified.FirstBreak}: it or one before it was altered or " +
                        "removed. Compare with a backup.");
            }

            return verified.Intact ? 0 : AdminAction.Failed;
        });

    private static string[] RowOf(AuditEntryView e) =>
    [
        e.Sequence.ToString(CultureInfo.InvariantCulture),
        TimeText.Of(e.At),
        e.Actor,
        e.Action,
        e.Subject,
        e.DetailJson,
    ];
}

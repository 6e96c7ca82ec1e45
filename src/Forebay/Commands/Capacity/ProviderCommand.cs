using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands.Capacity;

/// <summary><c>forebay provider</c>: partners from offer to exit.</summary>
public static class ProviderCommand
{
    private static readonly Column[] Columns =
        [new("PARTNER"), new("STATE"), new("COMMITMENT"), new("POOLS"), new("USABLE", true), new("WAITS FOR")];

    private static readonly Column[] AcceptanceColumns =
    [
        new("POOL"), new("VERDICT"), new("PROMISED", true), new("COUNTED", true), new("BY"), new("USABLE", true),
        new("TOKENS/S", true), new("TTFT P95 MS", true), new("FAILED", true),
    ];

    public static Command Create() => new("provider", "Partners that supply capacity, from offer to exit.")
    {
        CreateOnboard(),
        CreateList(),
        CreateShow(),
        RegisterCommand.Create(),
        CreateSign(),
        CreateStep("connect", "Ask every endpoint of a signed partner whether it answers."),
        CreateStep("accept", "Probe a partner's pools; what is measured counts from then on."),
        CreateStep("drain", "Empty a partner's pools: nothing new goes there."),
        CreateStep("exit", "Take a drained partner out of the fleet; its record stays."),
    };

    private static Command CreateOnboard()
    {
        Argument<FileInfo> file = new("FILE") { Description = "The onboarding file, YAML or JSON." };
        Option<string?> contract = ContractOption();
        var command = new Command(
            "onboard", "Read a partner's offer and walk as far as it can; again with a corrected file to amend it.")
        {
            file, contract,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            FileInfo path = session.Parse.GetRequiredValue(file);
            var body = new OnboardBody(Read(path), path.ToString(), session.Parse.GetValue(contract));
            OnboardView view = await session.Client.OnboardAsync(body, cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(view, AdminJson.Default.OnboardView);
            }
            else if (view.Partner is { } partner)
            {
                Show(session, partner);
                session.Output.Line($"It waits for {view.WaitsFor}");
            }
            else
            {
                session.Output.Line($"The file has {view.Problems.Count} problem(s); nothing was changed:");
                foreach (FileProblemView p in view.Problems)
                {
                    session.Output.Line($"  {path}:{p.Line}: {p.Path}: {p.Message}. {p.Fix}");
                }
            }

            return view.Partner is null ? AdminAction.Failed : 0;
        });
    }

    private static Command CreateList() => AdminAction.On(
        new Command("list", "List partners, where they stand and what they wait for."),
        async (session, cancel) =>
        {
            PartnerListView list = await session.Client.PartnersAsync(cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(list, AdminJson.Default.PartnerListView);
            }
            else
            {
                session.Output.Table(Columns, [.. list.Partners.Select(p => (string[])
                [
                    p.Id, p.State, p.Commitment, string.Join(',', p.Pools),
                    p.Acceptances.Count == 0 ? "-" : Number(p.Acceptances.Sum(a => a.Usable)), p.WaitsFor,
                ])]);
            }

            return 0;
        });

    private static Command CreateShow() => AdminAction.OnOne(
        new Command("show", "Show a partner: acceptances, shortfalls, notices and its history."),
        IdArgument(),
        static (client, id, cancel) => client.PartnerAsync(id, cancel),
        Print);

    private static Command CreateSign()
    {
        Argument<string> id = IdArgument();
        Option<string?> contract = ContractOption();
        return AdminAction.On(
            new Command("sign", "Put on record that a partner's contract is signed.") { id, contract },
            async (session, cancel) => Print(
                session,
                await session.Client.SignPartnerAsync(
                    session.Parse.GetRequiredValue(id),
                    new SignBody(session.Parse.GetValue(contract)),
                    cancel).ConfigureAwait(false)));
    }

    private static Command CreateStep(string step, string description) => AdminAction.OnOne(
        new Command(step, description),
        IdArgument(),
        (client, id, cancel) => client.StepPartnerAsync(id, step, cancel),
        Print);

    private static Argument<string> IdArgument() => new("PARTNER") { Description = "The partner's id." };

    private static Option<string?> ContractOption() => new("--contract")
    {
        Description = "What was signed: a number or name of the contract.",
    };

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

    private static int Print(AdminSession session, PartnerView partner)
    {
        if (session.IsJson)
        {
            session.Output.Json(partner, AdminJson.Default.PartnerView);
        }
        else
        {
            Show(session, partner);
            session.Output.Line($"It waits for {partner.WaitsFor}.");
        }

        return 0;
    }

    private static void Show(AdminSession session, PartnerView p)
    {
        session.Output.Pairs(
            ("partner", p.Id),
            ("state", p.State),
            ("contract", p.Contract ?? "not signed"),
            ("commitment", p.Commitment),
            ("pools", string.Join(", ", p.Pools)),
            ("shortfall", p.ShortSince is { } since
                ? $"since {TimeText.Of(since)}" +
                    (p.CureUntil is { } until ? $", to be cured by {TimeText.Of(until)}" : ", no term for a cure") +
                    (p.CureMissed ? " (missed)" : "")
                : "none"));
        if (p.Acceptances.Count > 0)
        {
            session.Output.Table(AcceptanceColumns, [.. p.Acceptances.Select(RowOf)]);
        }

        foreach (AcceptanceView a in p.Acceptances)
        {
            foreach (string finding in a.Findings.Concat(a.Problems))
            {
                session.Output.Line($"  {a.Pool}: {finding}");
            }
        }

        foreach (ReclaimView r in p.Reclaims)
        {
            string late = r.NoticeShortByDays > 0
                ? $"; the notice is {r.NoticeShortByDays.ToString("0.#", CultureInfo.InvariantCulture)} days too short"
                : "";
            session.Output.Line(
                $"  reclaims {(r.Quantity is { } q ? Number(q) : "all")} at {TimeText.Of(r.At)}, said " +
                $"{TimeText.Of(r.Said)}{late}" + (r.Withdrawal is { } by ? $"; carried out by {by}" : "") +
                (r.Returned is { } back ? $"; back since {TimeText.Of(back)}" : ""));
        }

        foreach (PartnerEventView e in p.History ?? [])
        {
            session.Output.Line($"  {TimeText.Of(e.At)}  {e.Event} ({e.State}) by {e.Actor}");
        }
    }

    private static string[] RowOf(AcceptanceView a) =>
    [
        a.Pool, a.Verdict, Number(a.Promised), Number(a.Accelerators), a.CountedBy, Number(a.Usable),
        a.OutputTokensPerSecond.ToString("#,0.#", CultureInfo.InvariantCulture),
        a.TimeToFirstTokenP95Ms.ToString("#,0", CultureInfo.InvariantCulture),
        $"{a.Failed}/{a.Requests}",
    ];

    private static string Number(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);
}

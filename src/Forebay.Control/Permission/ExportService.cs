using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;

namespace Forebay.Control.Permission;

/// <summary>What shall change about where a model may run.</summary>
/// <param name="Deny">Jurisdictions to deny; * denies every place.</param>
/// <param name="Allow">Jurisdictions to deny no longer; * lifts the denial of every place.</param>
/// <param name="DenyCountries">Countries to deny.</param>
/// <param name="AllowCountries">Countries to deny no longer.</param>
/// <param name="DenySiteKinds">Kinds of site to deny.</param>
/// <param name="AllowSiteKinds">Kinds of site to deny no longer.</param>
public sealed record ExportChange(
    IReadOnlyList<string> Deny,
    IReadOnlyList<string> Allow,
    IReadOnlyList<string> DenyCountries,
    IReadOnlyList<string> AllowCountries,
    IReadOnlyList<string> DenySiteKinds,
    IReadOnlyList<string> AllowSiteKinds)
{
    public bool IsEmpty => Deny.Count + Allow.Count + DenyCountries.Count + AllowCountries.Count
        + DenySiteKinds.Count + AllowSiteKinds.Count == 0;
}

/// <summary>
/// Denies models at places, and lifts such denials. Each change is audited, then stored, then in force for every
/// decision from then on: requests that wait are woken to be policed again. What the fleet file says of a model is
/// never touched: a denial lifted here leaves the file's rule standing.
/// </summary>
public sealed partial class ExportService(
    FleetState fleet, IExportStore store, AuditedChange change, TimeProvider time) : IDisposable
{
    /// <summary>Most entries of one list: what a decision was made on is written down in full.</summary>
    private const int MaxEntries = 100;

    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>Puts the stored masks in force; call before the gateway starts.</summary>
    public async Task LoadAsync(CancellationToken cancel) =>
        fleet.Exports = new ExportMasks(await store.ListExportsAsync(cancel).ConfigureAwait(false));

    /// <summary>Finds a model by id or alias.</summary>
    /// <exception cref="RefusedException">There is none.</exception>
    public ServedModel Find(string name) => fleet.Model.FindModel(name) ?? throw new RefusedException(
        RefusalKind.NotFound,
        $"There is no model '{(name.Length <= 128 ? name : name[..128] + "...")}' in the fleet. `forebay status` " +
        "lists what is served.");

    /// <summary>Everything wrong with a change; empty when nothing is.</summary>
    public static IReadOnlyList<FieldProblem> Check(ExportChange asked)
    {
        var problems = new List<FieldProblem>();
        if (asked.IsEmpty)
        {
            problems.Add(new FieldProblem("deny", "is missing, and so is all else.", "Say what to deny or to allow."));
        }

        CheckList("deny", asked.Deny, JurisdictionForm(), "a jurisdiction such as us, or *", problems);
        CheckList("allow", asked.Allow, JurisdictionForm(), "a jurisdiction such as us, or *", problems);
        CheckList("deny_countries", asked.DenyCountries, CountryForm(), "an ISO 3166-1 code such as US", problems);
        CheckList("allow_countries", asked.AllowCountries, CountryForm(), "an ISO 3166-1 code such as US", problems);
        CheckList("deny_site_kinds", asked.DenySiteKinds, KindForm(), "region, datacenter or orbital", problems);
        CheckList("allow_site_kinds", asked.AllowSiteKinds, KindForm(), "region, datacenter or orbital", problems);
        CheckBoth("deny", asked.Deny, asked.Allow, problems);
        CheckBoth("deny_countries", asked.DenyCountries, asked.AllowCountries, problems);
        CheckBoth("deny_site_kinds", asked.DenySiteKinds, asked.AllowSiteKinds, problems);
        return problems;
    }

    /// <summary>Changes what is denied of a model. What is asked for and holds already changes nothing, and is no
    /// error.</summary>
    /// <exception cref="RefusedException">The change is wrong, or the audit log cannot be written.</exception>
    public async Task<ExportDenials> ChangeAsync(
        string name, ExportChange asked, string actor, CancellationToken cancel)
    {
        RefusedException.ThrowIfAny(Check(asked));
        string model = Find(name).Id;
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            ExportMasks masks = fleet.Exports;
            ExportDenials old = masks.Of(model);
            ExportDenials next = Apply(old, asked) with
            {
                Model = model,
                Version = masks.Version + 1,
                ChangedUnixMs = time.GetUtcNow().ToUnixTimeMilliseconds(),
                Actor = actor,
            };
            if (SameDenials(old, next))
            {
                return old;
            }

            CheckSizes(next);
            await change.RunAsync(new AuditNote(actor, "model.export", model, Describe(old, next)), async () =>
            {
                await store.SaveExportAsync(next, CancellationToken.None).ConfigureAwait(false);
                fleet.Exports = masks.With(next);
                fleet.WakeWaiters();
            }).ConfigureAwait(false);
            return next;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private static ExportDenials Apply(ExportDenials old, ExportChange asked) => old with
    {
        Everywhere = (old.Everywhere || asked.Deny.Contains(ResidencyRule.AnyJurisdiction))
            && !asked.Allow.Contains(ResidencyRule.AnyJurisdiction),
        Jurisdictions =
        [
            .. old.Jurisdictions.Union(asked.Deny).Except(asked.Allow)
                .Where(j => j != ResidencyRule.AnyJurisdiction).Order(StringComparer.Ordinal),
        ],
        Countries =
        [
            .. old.Countries.Union(asked.DenyCountries).Except(asked.AllowCountries).Order(StringComparer.Ordinal),
        ],
        SiteKinds =
        [
            .. old.SiteKinds.Union(asked.DenySiteKinds.Select(KindOf)).Except(asked.AllowSiteKinds.Select(KindOf))
                .Order(),
        ],
    };

    private static bool SameDenials(ExportDenials a, ExportDenials b) => a.Everywhere == b.Everywhere
        && a.Jurisdictions.SequenceEqual(b.Jurisdictions)
        && a.Countries.SequenceEqual(b.Countries)
        && a.SiteKinds.SequenceEqual(b.SiteKinds);

    private static void CheckSizes(ExportDenials mask)
    {
        if (mask.Jurisdictions.Count > MaxEntries || mask.Countries.Count > MaxEntries)
        {
            throw new RefusedException(
            [
                new FieldProblem(
                    mask.Jurisdictions.Count > MaxEntries ? "deny" : "deny_countries",
                    $"would make more than {MaxEntries} entries.",
                    "Deny every place (*), or say in the fleet file where alone the model may run."),
            ]);
        }
    }

    private static void CheckList(
        string field, IReadOnlyList<string> values, Regex form, string expected, List<FieldProblem> problems)
    {
        for (int i = 0; i < values.Count; i++)
        {
            if (!form.IsMatch(values[i]))
            {
                problems.Add(new FieldProblem($"{field}[{i}]", $"is not {expected}.", $"Send {expected}."));
            }
        }
    }

    private static void CheckBoth(
        string field, IReadOnlyList<string> deny, IReadOnlyList<string> allow, List<FieldProblem> problems)
    {
        foreach (string value in deny.Intersect(allow))
        {
            problems.Add(new FieldProblem(
                field, $"denies {value}, which is to be allowed too.", "Say one of the two."));
        }
    }

    private static SiteKind KindOf(string word) => SiteKindWords.TryParse(word, out SiteKind kind)
        ? kind
        : throw new ArgumentException($"{word} is no kind of site.", nameof(word));

    private static string Describe(ExportDenials old, ExportDenials next) => JsonSerializer.Serialize(
        new ExportDetail(next.Version, DetailOf(old), DetailOf(next)), ExportJson.Default.ExportDetail);

    private static DenialDetail DetailOf(ExportDenials mask) =>
        new(mask.Everywhere, mask.Jurisdictions, mask.Countries, [.. mask.SiteKinds.Select(k => k.Word())]);

    [GeneratedRegex(@"\A(?:\*|" + Ids.Pattern + @")\z", RegexOptions.CultureInvariant)]
    private static partial Regex JurisdictionForm();

    [GeneratedRegex(@"\A[A-Z]{2}\z", RegexOptions.CultureInvariant)]
    private static partial Regex CountryForm();

    [GeneratedRegex(@"\A(?:region|datacenter|orbital)\z", RegexOptions.CultureInvariant)]
    private static partial Regex KindForm();
}

/// <summary>What the audit log keeps of a change.</summary>
internal sealed record ExportDetail(long Version, DenialDetail Before, DenialDetail After);

/// <summary>What is denied.</summary>
internal sealed record DenialDetail(
    bool Everywhere,
    IReadOnlyList<string> Jurisdictions,
    IReadOnlyList<string> Countries,
    IReadOnlyList<string> SiteKinds);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ExportDetail))]
internal sealed partial class ExportJson : JsonSerializerContext;

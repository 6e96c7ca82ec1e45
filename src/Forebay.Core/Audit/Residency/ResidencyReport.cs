namespace Forebay.Core.Audit.Residency;

/// <summary>Requests sent to places of one jurisdiction and kind under the same policies.</summary>
public sealed record ResidencyTotal(
    string Tenant, string Model, string Policy, string Jurisdiction, string SiteKind, long Requests, long Earlier);

/// <summary>Requests that were sent where their recorded rules did not allow it.</summary>
public sealed record ResidencyViolation(PlaceEvidence At, IReadOnlyList<string> Broken);

/// <summary>Requests of which nothing can be shown, and why.</summary>
public sealed record ResidencyGap(
    string Tenant, string Model, string Why, long Requests, DateTimeOffset First, DateTimeOffset Last);

/// <summary>
/// What the ledger proves of a period: each request stands in exactly one of <see cref="Proven"/>,
/// <see cref="Violating"/>, <see cref="Unsent"/> and <see cref="Unproven"/>.
/// </summary>
public sealed record ResidencyReport
{
    public required DateTimeOffset From { get; init; }

    public required DateTimeOffset To { get; init; }

    /// <summary>Requests that the usage ledger counts.</summary>
    public required long UsageRequests { get; init; }

    /// <summary>Requests whose last place is allowed by the rules recorded with it.</summary>
    public required long Proven { get; init; }

    /// <summary>Requests whose last place is not.</summary>
    public required long Violating { get; init; }

    /// <summary>Requests sent nowhere.</summary>
    public required long Unsent { get; init; }

    /// <summary>Requests of which nothing is recorded, or whose rules cannot be read.</summary>
    public required long Unproven { get; init; }

    /// <summary>Attempts before the last ones, checked as well.</summary>
    public required long EarlierAttempts { get; init; }

    public required IReadOnlyList<ResidencyTotal> Totals { get; init; }

    public required IReadOnlyList<ResidencyViolation> Violations { get; init; }

    public required IReadOnlyList<ResidencyGap> Gaps { get; init; }

    /// <summary>Whether the requests here are all that the usage ledger counts.</summary>
    public bool Reconciles => Proven + Violating + Unsent + Unproven == UsageRequests;

    /// <summary>Whether nothing speaks against the period: no violation, and every request accounted for.</summary>
    public bool Clean => Violations.Count == 0 && Reconciles;

    /// <summary>Checks every place of a period again.</summary>
    public static ResidencyReport Of(ResidencyEvidence evidence)
    {
        var totals = new Dictionary<(string, string, string, string, string), (long Last, long Earlier)>();
        var violations = new List<ResidencyViolation>();
        var gaps = new List<ResidencyGap>();
        long proven = 0, violating = 0, unsent = 0, unproven = 0, earlier = 0;
        foreach (PlaceEvidence at in evidence.Places)
        {
            bool isEarlier = at.Role == PlaceRole.Earlier;
            earlier += isEarlier ? at.Requests : 0;
            if (at.Role == PlaceRole.Unsent)
            {
                unsent += at.Requests;
                continue;
            }

            IReadOnlyList<string>? broken = at.Role == PlaceRole.Unknown ? null : PlaceCheck.Broken(at);
            if (broken is null)
            {
                unproven += isEarlier ? 0 : at.Requests;
                gaps.Add(new ResidencyGap(at.Tenant, at.Model, WhyNot(at), at.Requests, at.First, at.Last));
                continue;
            }

            var key = (at.Tenant, at.Model, PlaceCheck.PolicyOf(at.Content), at.Jurisdiction, at.SiteKind);
            (long Last, long Earlier) sums = totals.GetValueOrDefault(key);
            totals[key] = isEarlier
                ? sums with { Earlier = sums.Earlier + at.Requests }
                : sums with { Last = sums.Last + at.Requests };
            if (broken.Count > 0)
            {
                violating += isEarlier ? 0 : at.Requests;
                violations.Add(new ResidencyViolation(at, broken));
            }
            else
            {
                proven += isEarlier ? 0 : at.Requests;
            }
        }

        return new ResidencyReport
        {
            From = evidence.From,
            To = evidence.To,
            UsageRequests = evidence.UsageRequests,
            Proven = proven,
            Violating = violating,
            Unsent = unsent,
            Unproven = unproven,
            EarlierAttempts = earlier,
            Totals =
            [
                .. totals.OrderBy(t => t.Key).Select(t => new ResidencyTotal(
                    t.Key.Item1, t.Key.Item2, t.Key.Item3, t.Key.Item4, t.Key.Item5, t.Value.Last, t.Value.Earlier)),
            ],
            Violations = violations,
            Gaps = gaps,
        };
    }

    private static string WhyNot(PlaceEvidence at) => at.Role == PlaceRole.Unknown
        ? at.Site.Length == 0
            ? "interrupted, or recorded before places were kept: where it was sent is not known"
            : $"recorded before rules were kept: sent to site {at.Site}"
        : "its rules are not in the ledger, or cannot be read";
}

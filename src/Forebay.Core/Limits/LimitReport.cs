using Forebay.Core.Fleet;
using Forebay.Core.Limits.Following;
using Forebay.Core.Time;

namespace Forebay.Core.Limits;

/// <summary>Where one limit stands.</summary>
/// <param name="Name">The key of the fleet file that sets it, such as <c>weekly_window</c>.</param>
/// <param name="ModelClass">The class it holds for; null for all models.</param>
/// <param name="Unit">requests, input_tokens, output_tokens, tokens or usd.</param>
/// <param name="Limit">Its size in its unit.</param>
/// <param name="Used">What is used, what is reserved for requests in flight included; may be above the limit.</param>
/// <param name="Remaining">What is left, never below zero.</param>
/// <param name="ResetsAt">When a window ends or a bucket is full again; null where nothing is used, or where no time
/// can be told.</param>
/// <param name="RequestsLeft">How many requests of the tenant's present mean size fit, if they came at once; null where
/// such requests take nothing of it.</param>
public sealed record LimitStatus(
    string Name,
    string? ModelClass,
    string Unit,
    decimal Limit,
    decimal Used,
    decimal Remaining,
    DateTimeOffset? ResetsAt,
    double? RequestsLeft);

/// <summary>The limit that would refuse first.</summary>
/// <param name="Name">As in <see cref="LimitStatus.Name"/>.</param>
/// <param name="ModelClass">As in <see cref="LimitStatus.ModelClass"/>.</param>
/// <param name="RequestsLeft">As in <see cref="LimitStatus.RequestsLeft"/>.</param>
public sealed record BindingLimit(string Name, string? ModelClass, double? RequestsLeft);

/// <summary>Every limit of a tenant.</summary>
/// <param name="Limits">Those over all models first, then class by class.</param>
/// <param name="Binds"> The one that would refuse first if requests of the tenant's present mean size (the last
/// thirty-two or so answers; a guess before the first) came at once: the least <see cref="LimitStatus.RequestsLeft"/>;
/// between equals the one used up further, then the first. Null where nothing is limited. </param>
public sealed record LimitReport(IReadOnlyList<LimitStatus> Limits, BindingLimit? Binds);

/// <summary>What a tenant, or an operator who asks for it, is told.</summary>
/// <param name="Tenant">Tenant id.</param>
/// <param name="Tier">Its tier.</param>
/// <param name="AsOf">When this was.</param>
/// <param name="Limits">As in <see cref="LimitReport"/>.</param>
/// <param name="Binds">As in <see cref="LimitReport"/>.</param>
/// <param name="Changes">The latest changes of its limits, the last one first; those announced too.</param>
/// <param name="Multipliers">By how much its limits are above what its tier promises; null where they are not.</param>
/// <param name="Announced">What they will be; null where nothing is announced.</param>
public sealed record TenantLimitsView(
    string Tenant,
    string Tier,
    DateTimeOffset AsOf,
    IReadOnlyList<LimitStatus> Limits,
    BindingLimit? Binds,
    IReadOnlyList<LimitChange> Changes,
    IReadOnlyList<LimitMultiplier>? Multipliers = null,
    AnnouncedLimits? Announced = null)
{
    public static TenantLimitsView Of(
        FleetState fleet, Tenant tenant, Instant now, IReadOnlyList<LimitChange> changes)
    {
        LimitReport report = fleet.LimitsOf(tenant).Report(fleet.PlanOf(tenant), now);
        int hour = HourOfWeek.Of(now.WallUnixMs);
        return new TenantLimitsView(
            tenant.Id,
            tenant.Tier.Id,
            now.Wall,
            report.Limits,
            report.Binds,
            changes,
            LimitMultiplier.Of(fleet.Multipliers, tenant.Tier.Id, hour),
            fleet.AnnouncedLimits is { } next
                ? new AnnouncedLimits(
                    next.EffectiveAt, LimitMultiplier.Of(next.Multipliers, tenant.Tier.Id, null) ?? [])
                : null);
    }
}

/// <summary>By how much limits over a class of models are above what a tier promises.</summary>
/// <param name="ModelClass">The class; null for models in none.</param>
/// <param name="Now">The multiplier in this hour; null where another time is meant.</param>
/// <param name="Hours">The multiplier, and in which hours of the week (UTC) it is less.</param>
public sealed record LimitMultiplier(string? ModelClass, double? Now, string Hours)
{
    /// <summary>Those of a tier; null where it has none.</summary>
    public static IReadOnlyList<LimitMultiplier>? Of(TierMultipliers multipliers, string tier, int? hour)
    {
        LimitMultiplier[] own =
        [
            .. multipliers.Entries.Where(e => e.Tier == tier).Select(e => new LimitMultiplier(
                e.Class == TierMultipliers.Unclassed ? null : e.Class, hour is { } h ? e.At(h) : null, e.Words())),
        ];
        return own.Length == 0 ? null : own;
    }
}

/// <summary>Limits that are announced.</summary>
/// <param name="EffectiveAt">From when on.</param>
/// <param name="Multipliers">What will hold then; empty for what the tier promises.</param>
public sealed record AnnouncedLimits(DateTimeOffset EffectiveAt, IReadOnlyList<LimitMultiplier> Multipliers);

/// <summary>What is left of a limit, for headers.</summary>
/// <param name="Limit">Its size; 0 where there is none.</param>
/// <param name="Remaining">What is left; below zero when overdrawn.</param>
/// <param name="ResetInNs">Nanoseconds until it is whole again.</param>
public readonly record struct LimitLevel(long Limit, long Remaining, long ResetInNs)
{
    public bool IsLimited => Limit > 0;

    /// <summary>The one with less left; one that is none yields.</summary>
    public LimitLevel Tighter(LimitLevel other) =>
        !other.IsLimited || (IsLimited && Remaining <= other.Remaining) ? this : other;
}

/// <summary>What is left of the limits that hold for a model, by what the wire can tell.</summary>
/// <param name="Requests">The tightest that counts requests.</param>
/// <param name="InputTokens">The tightest bucket of input tokens.</param>
/// <param name="OutputTokens">The tightest bucket of output tokens.</param>
/// <param name="Tokens">The tightest that counts tokens of any kind, windows included.</param>
public readonly record struct LimitLevels(
    LimitLevel Requests, LimitLevel InputTokens, LimitLevel OutputTokens, LimitLevel Tokens);

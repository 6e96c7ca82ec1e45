using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Rollout;
using Forebay.Core.Time;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;
using Forebay.Protocols.Prompts;

namespace Forebay.Gateway.Versions;

/// <summary>
/// Leaves the deployments of the version that a request's conversation is on, while a model is rolled out and after.
/// The mask is intersected with what permission leaves, before anything is scored, and again whenever that is decided
/// anew. A model that never was rolled out costs a look at an empty table.
/// </summary>
internal static class Versioning
{
    /// <summary>By which a client names its conversation, where its first message does not tell it apart.</summary>
    public const string Header = "x-forebay-conversation";

    private const int LongestName = 256;

    /// <summary>What only the version that issued it may take back.</summary>
    private const RequestFeatures Bound = RequestFeatures.SignedHistory | RequestFeatures.UnsignedHistory
        | RequestFeatures.ServerState;

    /// <summary>Chooses the version, or holds the request to the one that it was on; a precise error where that one
    /// serves nowhere that the request may go.</summary>
    public static Failure Check(Exchange x, GatewayRuntime runtime)
    {
        if (x.InForce.Splits.Of(x.Model!.Id) is not { } split || x.Answer is { Times: > 0 })
        {
            // An answer that is gone on with stays with the version that began it.
            x.Split = null;
            return Failure.None;
        }

        string? name = x.Http.Request.Headers[Header];
        if (name is { Length: > LongestName })
        {
            return new Failure(
                Reason.BadRequest, $"{Header}: must be at most {LongestName} characters.", Header);
        }

        bool kept = x.Split is { } before && before.Rollout == split.Rollout && split.Serves(x.TakesNew);
        bool isNew = kept ? x.TakesNew : split.TakesNew(ConversationOf(x, name));
        x.Split = split;
        x.AnyVersion = x.Eligible;
        EligibleSet chosen = Of(x, isNew);
        if (split.IsOpen && !IsUsable(chosen, runtime) && !IsBound(x) && IsUsable(Of(x, !isNew), runtime))
        {
            isNew = !isNew;
            chosen = Of(x, isNew);
        }

        x.TakesNew = isNew;
        x.Eligible = chosen;
        return chosen.Count > 0 ? Failure.None : new Failure(
            Reason.UpstreamUnavailable,
            $"{x.Model.Id} is served by version {split.NameOf(isNew)}, which no deployment that may take this request "
                + "serves right now; try again later.",
            "model",
            30);
    }

    /// <summary>Every deployment of the request's version was tried and nothing reached the client: whether the other
    /// version may be tried, and then its deployments are left. Never where the conversation carries what only one
    /// version takes back, nor once the rollout has ended.</summary>
    public static bool TryOther(Exchange x)
    {
        if (x.Split is not { IsOpen: true } || x.Answer is { Times: > 0 } || IsBound(x) || x.TriedOther)
        {
            return false;
        }

        EligibleSet other = Of(x, !x.TakesNew);
        if (other.Count == 0)
        {
            return false;
        }

        x.TriedOther = true;
        x.TakesNew = !x.TakesNew;
        x.Eligible = other;
        return true;
    }

    /// <summary>Counts what became of an attempt, for the comparison of the versions.</summary>
    public static void Count(Exchange x, Deployment deployment, in AttemptResult result, long nowNs)
    {
        if (x.Split is not { IsOpen: true } split)
        {
            return;
        }

        bool isNew = deployment.Config.ModelVersion == split.New;
        VersionArm arm = split.Tally.Of(deployment.Provider.Id).Of(isNew);
        if (result is { End: AttemptEnd.Served, Failure.IsNone: true })
        {
            double firstMs = x.Facts.Stream && x.FirstTokenNs != 0 ? Ms(x.FirstTokenNs - x.EnteredNs) : -1;
            double eachMs = firstMs >= 0 && x.Tokens.Output > 1
                ? Ms(nowNs - x.FirstTokenNs) / (x.Tokens.Output - 1)
                : -1;
            arm.AddServed(firstMs, eachMs);
        }
        else if (result.Blame)
        {
            arm.AddFailed();
        }
    }

    private static double Ms(long ns) => ns / (double)Instant.NsPerMs;

    private static ulong ConversationOf(Exchange x, string? name)
    {
        ulong salt = ConversationHash.OfName(x.Tenant!.Id, x.Model!.IdHash);
        return !string.IsNullOrEmpty(name)
            ? ConversationHash.OfName(name, salt)
            : ConversationHash.Of(in x.Facts, x.Body!.Written, salt) ?? (ulong)x.Id;
    }

    private static EligibleSet Of(Exchange x, bool isNew) => x.AnyVersion.Of(
        new VersionName(x.Split!.NameOf(isNew)), static (d, version) => d.Config.ModelVersion == version.Name);

    private static bool IsBound(Exchange x) => (x.Facts.Features & Bound) != 0;

    private static bool IsUsable(EligibleSet set, GatewayRuntime runtime)
    {
        long nowNs = Instant.MonotonicNsOf(runtime.Time);
        foreach (Deployment deployment in set.Deployments)
        {
            if (!runtime.State.Of(deployment).IsOut(nowNs))
            {
                return true;
            }
        }

        return false;
    }

    private readonly record struct VersionName(string Name);
}

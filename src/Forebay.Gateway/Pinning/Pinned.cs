using System.Collections.Immutable;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Time;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;

namespace Forebay.Gateway.Pinning;

/// <summary>
/// Conversations that carry signed reasoning, containers or uploaded files go to the account that issued them, and
/// nowhere on a guess. What answers issue is remembered in passing; requests without such blocks cost nothing.
/// </summary>
internal static class Pinned
{
    private const RequestFeatures Carried = RequestFeatures.SignedHistory | RequestFeatures.UnsignedHistory
        | RequestFeatures.ServerState;

    /// <summary>Leaves the deployments that can take what the request carries; a precise error where there is none.
    /// </summary>
    public static Failure Check(Exchange x, GatewayRuntime runtime)
    {
        if ((x.Facts.Features & Carried) == 0 || !HasAccounts(x.Eligible.Deployments))
        {
            return Failure.None;
        }

        Failure failure = Narrow(x, runtime, x.Facts.Signature, "the reasoning blocks (thinking) in this conversation",
            "Resend the conversation without its thinking and redacted_thinking blocks");
        failure = failure.IsNone
            ? Narrow(x, runtime, x.Facts.StateId, "the container or file that this request names",
                "Leave it out, or upload it again through the same account")
            : failure;
        return failure.IsNone && x.Facts.Features.HasFlag(RequestFeatures.UnsignedHistory)
            ? LeaveOutCheckers(x)
            : failure;
    }

    /// <summary>Remembers what a deployment's answer issued; null where nobody would ask: where the answer is of a
    /// dialect that issues nothing, or no account serves the model.</summary>
    public static IssuedState.Sink? Remember(Exchange x, Deployment deployment, GatewayRuntime runtime)
    {
        if (x.Dialect != Dialect.Anthropic
            || !deployment.Speaks(Dialect.Anthropic)
            || x.Settings.PinEntries == 0
            || !HasAccounts(x.Model!.Deployments))
        {
            return null;
        }

        return value => runtime.State.Pins.Add(
            PinKey.Of(x.Tenant!.Id, value),
            deployment.Account,
            Instant.MonotonicNsOf(runtime.Time),
            x.Settings.PinEntries);
    }

    private static Failure Narrow(Exchange x, GatewayRuntime runtime, ByteRange value, string what, string fix)
    {
        if (value.IsEmpty)
        {
            return Failure.None;
        }

        var key = PinKey.Of(x.Tenant!.Id, IssuedState.ValueOf(x.Body!.Written, value));
        Account? issuer = runtime.State.Pins.Find(
            key, Instant.MonotonicNsOf(runtime.Time), (long)(x.Settings.PinHours * 3600 * Instant.NsPerSecond));
        if (issuer is null)
        {
            return IsOneAccount(x)
                ? Failure.None
                : new Failure(
                    Reason.Pinned,
                    $"It is not known (any more) which provider account issued {what}, and several serve " +
                    $"{x.Model!.Id}: another than that one would refuse them. {fix}, or ask the operator.");
        }

        x.Eligible = x.Eligible.Of(issuer, static (d, account) => d.Account == account);
        return x.Eligible.Count > 0
            ? Failure.None
            : new Failure(
                Reason.Pinned,
                $"The provider account that issued {what} does not serve {x.Model!.Id} here (any more), and no other " +
                $"accepts them. {fix}, or ask the operator.");
    }

    /// <summary>Reasoning with an empty signature came from an engine: accounts that check signatures refuse it.
    /// </summary>
    private static Failure LeaveOutCheckers(Exchange x)
    {
        x.Eligible = x.Eligible.Of(
            new TakesUnsigned(x.Dialect), static (d, by) => d.Account == Account.Engines || !d.Speaks(by.Dialect));
        return x.Eligible.Count > 0
            ? Failure.None
            : new Failure(
                Reason.Pinned,
                $"This conversation holds reasoning blocks (thinking) with an empty signature: they came from an " +
                $"engine that signs nothing, and the account that serves {x.Model!.Id} refuses them. Resend the " +
                "conversation without these blocks.");
    }

    private static bool HasAccounts(ImmutableArray<Deployment> deployments)
    {
        foreach (Deployment deployment in deployments)
        {
            if (deployment.Account != Account.Engines)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsOneAccount(Exchange x)
    {
        Account first = x.Eligible.Deployments[0].Account;
        return x.Eligible.Deployments.All(d => d.Account == first);
    }

    private readonly record struct TakesUnsigned(Dialect Dialect);
}

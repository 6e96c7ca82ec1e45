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
        if ((x.Facts.Features & Carried) == 0)
        {
            return Failure.None;
        }

        Failure stored = NarrowStored(x, runtime, x.Facts.PreviousResponse, "previous_response_id");
        stored = stored.IsNone ? NarrowStored(x, runtime, x.Facts.StoredItem, "input") : stored;
        if (!stored.IsNone || !HasAccounts(x.Eligible.Deployments))
        {
            return stored;
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
        bool isNative = deployment.Speaks(x.Dialect);
        bool isStored = x.Dialect == Dialect.Responses && isNative;
        if (x.Dialect == Dialect.OpenAi
            || x.Settings.PinEntries == 0
            || !(isStored || HasAccounts(x.Model!.Deployments)))
        {
            return null;
        }

        return value =>
        {
            // Ids of a translated answer are ours, and nothing stands behind them.
            if (isNative || IssuedState.IsForeignSeal(value))
            {
                Pin(x, runtime, deployment.Account, value);
            }
        };
    }

    /// <summary>The account that issued something to the request's tenant; null where that is not known (any more).
    /// </summary>
    public static Account? IssuerOf(Exchange x, GatewayRuntime runtime, ReadOnlySpan<byte> value) =>
        runtime.State.Pins.Find(
            PinKey.Of(x.Tenant!.Id, value),
            Instant.MonotonicNsOf(runtime.Time),
            (long)(x.Settings.PinHours * 3600 * Instant.NsPerSecond));

    private static void Pin(Exchange x, GatewayRuntime runtime, Account account, ReadOnlySpan<byte> value) =>
        runtime.State.Pins.Add(
            PinKey.Of(x.Tenant!.Id, value),
            account,
            Instant.MonotonicNsOf(runtime.Time),
            x.Settings.PinEntries);

    /// <summary>A stored response or item goes to who stores it, and only for the tenant that it was made for: an
    /// account is shared by tenants, so one that is not known to be the caller's is nobody's.</summary>
    private static Failure NarrowStored(Exchange x, GatewayRuntime runtime, ByteRange value, string param)
    {
        if (value.IsEmpty)
        {
            return Failure.None;
        }

        Account? issuer = IssuerOf(x, runtime, IssuedState.ValueOf(x.Body!.Written, value));
        x.Eligible = issuer is null
            ? x.Eligible
            : x.Eligible.Of(issuer, static (d, account) => d.Account == account).Speaking(Dialect.Responses);
        return issuer is not null && x.Eligible.Count > 0
            ? Failure.None
            : new Failure(
                Reason.Pinned,
                $"{param}: what it names was issued by no deployment that serves {x.Model!.Id} here (any more), " +
                "as far as is known. Send the whole input instead, with store set to false.",
                param);
    }

    private static Failure Narrow(Exchange x, GatewayRuntime runtime, ByteRange value, string what, string fix)
    {
        if (value.IsEmpty)
        {
            return Failure.None;
        }

        Account? issuer = IssuerOf(x, runtime, IssuedState.ValueOf(x.Body!.Written, value));
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

using Forebay.Core.Capacity;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Usage;
using Forebay.Gateway.Telemetry;

namespace Forebay.Gateway.Pipeline;

/// <summary>What the guard says of an attempt.</summary>
internal enum GuardVerdict : byte
{
    /// <summary>It may leave.</summary>
    Send,

    /// <summary>What is in force changed since the request was policed: police it again.</summary>
    PoliceAgain,

    /// <summary>It would go where it may not: it must not leave.</summary>
    Refuse,
}

/// <summary>
/// The invariant, held right before a request leaves for an upstream, whoever decided that it should: the deployment is
/// one that the rules in force permit. It asks the rules anew and trusts nothing that was found before. What is sent
/// stays sent: a request that was permitted when it left ends where it is.
/// </summary>
internal static class PermissionGuard
{
    /// <summary>Holds an attempt against what is in force, and notes where it goes. Costs one lookup.</summary>
    public static GuardVerdict Check(Exchange x, Deployment deployment, GatewayRuntime runtime)
    {
        InForce inForce = runtime.State.InForce;
        if (inForce == x.InForce)
        {
            Permit permit = Policing.PermitOf(x, inForce);
            if (permit.Set.Permits(deployment)
                && deployment.Index < x.Fleet.Deployments.Length
                && ReferenceEquals(x.Fleet.Deployments[deployment.Index], deployment))
            {
                Note(x, deployment, permit.Context);
                return GuardVerdict.Send;
            }
        }
        else if (inForce != x.Guarded)
        {
            x.Guarded = inForce;
            return GuardVerdict.PoliceAgain;
        }

        // Sent back once for this very change and here again: then it is a defect, and no race.
        runtime.Metrics.ViolationPrevented();
        Log.ViolationPrevented(runtime.Logger, x.IdText, deployment.Id, deployment.Site.Id, x.Tenant!.Id, x.Model!.Id);
        return GuardVerdict.Refuse;
    }

    /// <summary>What a client is told whose request was held back.</summary>
    public static Failure Refused(Deployment deployment) => new(
        Reason.Internal,
        "The request was held back because it would have gone where it may not; try again.",
        Detail: $"deployment {deployment.Id} is not permitted for this request");

    private static void Note(Exchange x, Deployment deployment, PermissionContext context)
    {
        // One that may run in several places is written down in each, so that the proof holds wherever it ran.
        foreach (SiteConfig place in deployment.Places)
        {
            if (x.Place.Context is not null)
            {
                (x.EarlierPlaces ??= []).Add(x.Place);
            }

            x.Place = ServedPlace.Of(place, context);
        }
    }
}

using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Gateway.Pipeline;

namespace Forebay.Gateway.Translation;

/// <summary>When a request is said in another dialect: at once where nobody eligible speaks the client's, else only
/// when a deployment of another dialect is about to be tried.</summary>
internal static class Translating
{
    /// <summary>Whether an eligible deployment can be sent the request; why not, where none can.</summary>
    public static Failure Check(Exchange x, GatewayRuntime runtime)
    {
        if (x.Eligible.Speaking(x.Dialect).Count > 0)
        {
            if (x.Foreign is { Failure.IsNone: false })
            {
                KeepNative(x);
            }

            return Failure.None;
        }

        return Of(x, x.Eligible.Deployments[0], runtime).Failure;
    }

    /// <summary>Whether a deployment can be sent the request. If not, all of other dialects are out of the question.
    /// </summary>
    public static bool CanSend(Exchange x, Deployment deployment, GatewayRuntime runtime)
    {
        if (deployment.Speaks(x.Dialect) || Of(x, deployment, runtime).Failure.IsNone)
        {
            return true;
        }

        KeepNative(x);
        return false;
    }

    /// <summary>Leaves only deployments that speak the client's dialect.</summary>
    public static void KeepNative(Exchange x) => x.Eligible = x.Eligible.Speaking(x.Dialect);

    private static ForeignRequest Of(Exchange x, Deployment deployment, GatewayRuntime runtime)
    {
        Dialect dialect = Array.Find(deployment.Config.Dialects, d => d != x.Dialect);
        return x.Foreign ??= ForeignRequest.Of(x, runtime, dialect);
    }
}

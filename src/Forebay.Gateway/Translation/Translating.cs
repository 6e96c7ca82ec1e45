using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Gateway.Pipeline;

namespace Forebay.Gateway.Translation;

/// <summary>When a request is said in another dialect: at once where nobody eligible speaks the client's, else only
/// when a deployment of another dialect is about to be tried.</summary>
internal static class Translating
{
    /// <summary>Whether an eligible deployment can be sent the request; why not, where none can. Those that are known
    /// not to be able to are not eligible any more.</summary>
    public static Failure Check(Exchange x, GatewayRuntime runtime)
    {
        if (x.Eligible.Speaking(x.Dialect).Count > 0)
        {
            DropKnown(x);
            return Failure.None;
        }

        Failure first = Failure.None;
        foreach (Deployment deployment in x.Eligible.Deployments)
        {
            // Said once for each dialect, however many deployments are asked in it.
            Failure failure = Of(x, deployment.DialectFor(x.Dialect), runtime).Failure;
            if (failure.IsNone)
            {
                DropKnown(x);
                return Failure.None;
            }

            first = first.IsNone ? failure : first;
        }

        return first;
    }

    /// <summary>Whether a deployment can be sent the request. If not, all that are asked in the same dialect are out of
    /// the question.</summary>
    public static bool CanSend(Exchange x, Deployment deployment, GatewayRuntime runtime)
    {
        Dialect dialect = deployment.DialectFor(x.Dialect);
        if (dialect == x.Dialect || Of(x, dialect, runtime).Failure.IsNone)
        {
            return true;
        }

        Drop(x, dialect);
        return false;
    }

    /// <summary>Leaves only deployments that speak the client's dialect.</summary>
    public static void KeepNative(Exchange x) => x.Eligible = x.Eligible.Speaking(x.Dialect);

    private static ForeignRequest Of(Exchange x, Dialect dialect, GatewayRuntime runtime)
    {
        x.Foreign ??= new ForeignRequests();
        return x.Foreign[dialect] ??= ForeignRequest.Of(x, runtime, dialect);
    }

    private static void DropKnown(Exchange x)
    {
        if (x.Foreign is null)
        {
            return;
        }

        foreach (Dialect dialect in Enum.GetValues<Dialect>())
        {
            if (x.Foreign[dialect] is { Failure.IsNone: false })
            {
                Drop(x, dialect);
            }
        }
    }

    private static void Drop(Exchange x, Dialect dialect) => x.Eligible = x.Eligible.Of(
        (Client: x.Dialect, Asked: dialect), static (d, but) => d.DialectFor(but.Client) != but.Asked);
}

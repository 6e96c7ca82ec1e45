using Forebay.Core.Errors;

namespace Forebay.Core.Serving.Permission;

/// <summary>The answer to where a kind of request may be served: one immutable object for all of the kind.</summary>
/// <param name="Reason">Why nowhere; <see cref="Errors.Reason.None"/> where there is a deployment.</param>
/// <param name="Set">The deployments.</param>
/// <param name="Context">What it was decided on.</param>
public sealed record Permit(Reason Reason, EligibleSet Set, PermissionContext Context);

/// <summary>What keeps a deployment from serving a request, in the order asked.</summary>
public enum Exclusion : byte
{
    /// <summary>Nothing does.</summary>
    None,
    Context,
    Capability,
    TenantResidency,
    KeyDataClass,
    DataClass,
    InferenceGeo,
    ExportFile,
    ExportApi,
}

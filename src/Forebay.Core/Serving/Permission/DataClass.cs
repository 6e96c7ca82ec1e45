using Forebay.Core.Config;

namespace Forebay.Core.Serving.Permission;

/// <summary>A kind of data that requests may hold, and where it may go.</summary>
public sealed record DataClassConfig
{
    [ConfigKey("The name that keys, tenants and the header x-forebay-data-class use.", Required = true,
        Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("The policy that holds for requests of the class, beside their tenant's: a place must be allowed by " +
        "both.", Required = true, RefersTo = "residency_policies")]
    public required string Residency { get; init; }
}

/// <summary>A data class in the compiled snapshot; one object per class, compared by reference.</summary>
/// <param name="id">Its name.</param>
/// <param name="policy">The policy that holds for it.</param>
public sealed class DataClass(string id, ResidencyPolicyConfig policy)
{
    public string Id => id;

    public ResidencyPolicyConfig Policy => policy;
}

using Forebay.Core.Config;

namespace Forebay.Core.Serving.Providers;

/// <summary>Which of its quotas a call on Vertex takes from.</summary>
public enum VertexCapacity : byte
{
    /// <summary>Provisioned throughput first; what does not fit overflows to pay-as-you-go.</summary>
    Any,

    /// <summary>Provisioned throughput alone; what does not fit is refused.</summary>
    Dedicated,

    /// <summary>Pay-as-you-go alone.</summary>
    Shared,
}

/// <summary>Where a model on Google Vertex is.</summary>
public sealed record GoogleConfig
{
    [ConfigKey("The Google Cloud project that is called and billed.", Required = true,
        Pattern = "[a-z0-9][a-z0-9.:-]{0,62}", Example = "my-project")]
    public required string Project { get; init; }

    [ConfigKey("The location called: a region such as us-east5; a multi-region, us or eu; or global. The endpoint " +
        "follows from it where none is given.", Required = true, Pattern = "[a-z][a-z0-9-]{0,62}",
        Example = "us-east5")]
    public required string Location { get; init; }

    [ConfigKey("What calls take from: any (provisioned throughput, then pay-as-you-go), dedicated (provisioned " +
        "throughput alone) or shared (pay-as-you-go alone). Deployments of either kind make two pools of one project.")]
    public VertexCapacity Capacity { get; init; }

    /// <summary>Whether what is sent there may run in more than one region, wherever the provider likes.</summary>
    public bool IsMultiRegion => !Location.Contains('-');

    /// <summary>Where the location is called.</summary>
    public Uri Endpoint => new(Location switch
    {
        "global" => "https://aiplatform.googleapis.com",
        _ when IsMultiRegion => $"https://aiplatform.{Location}.rep.googleapis.com",
        _ => $"https://{Location}-aiplatform.googleapis.com",
    });
}

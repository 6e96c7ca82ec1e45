namespace Forebay.Core.Serving;

/// <summary>What a request needs that not every deployment may be able to do.</summary>
[Flags]
public enum RequestNeeds : byte
{
    None = 0,
    Tools = 1,
    Images = 2,
    Documents = 4,
    Audio = 8,
}

/// <summary>What police and router need to know of a request.</summary>
/// <param name="Needs">What is declared or part of the prompt.</param>
/// <param name="EstimatedInputTokens">Estimated prompt size.</param>
/// <param name="MaxOutputTokens">Longest answer asked for, or null.</param>
public readonly record struct RoutingRequest(RequestNeeds Needs, long EstimatedInputTokens, long? MaxOutputTokens);

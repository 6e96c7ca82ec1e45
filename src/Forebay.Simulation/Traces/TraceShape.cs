namespace Forebay.Simulation.Traces;

/// <summary>What is published about a trace: enough to generate another one like it.</summary>
/// <param name="Name">Name for reports.</param>
/// <param name="Requests">Number of requests.</param>
/// <param name="Duration">From the first request to the last.</param>
/// <param name="InterarrivalCv">Coefficient of variation of the times between requests; at least 1.</param>
/// <param name="InputTokens">Distribution of prompt lengths.</param>
/// <param name="OutputTokens">Distribution of answer lengths.</param>
public sealed record TraceShape(
    string Name,
    int Requests,
    TimeSpan Duration,
    double InterarrivalCv,
    Quantiles InputTokens,
    Quantiles OutputTokens)
{
    /// <summary>
    /// The conversation trace of Azure's LLM inference service, 2023-11-16, 18:15 to 19:14 UTC: 19,366 requests in
    /// 58 min 22 s, means 1,154.7 tokens in and 211.1 out, interarrival coefficient of variation 1.094, no correlation
    /// worth modelling between the lengths (-0.11). The percentiles (nearest rank) were computed from
    /// AzureLLMInferenceTrace_conv.csv, github.com/Azure/AzurePublicDataset, CC-BY-4.0; straight lines between them
    /// have the means 1,149.4 and 211.3.
    /// </summary>
    public static TraceShape AzureConversation2023 { get; } = new(
        "azure-conversation-2023 (generated)",
        Requests: 19_366,
        Duration: TimeSpan.FromSeconds(3501.722),
        InterarrivalCv: 1.094,
        InputTokens: new Quantiles(
            (0, 2), (1, 29), (5, 181), (10, 207), (15, 372), (20, 387), (25, 396), (30, 403), (35, 414), (40, 703),
            (45, 984), (50, 1020), (55, 1045), (60, 1071), (65, 1097), (70, 1130), (75, 1189), (80, 1315), (85, 1877),
            (90, 2735), (95, 4083), (99, 4142), (99.9, 6212), (100, 14_050)),
        OutputTokens: new Quantiles(
            (0, 7), (1, 16), (5, 41), (10, 54), (15, 67), (20, 77), (25, 85), (30, 91), (35, 96), (40, 103), (45, 113),
            (50, 129), (55, 151), (60, 177), (65, 217), (70, 384), (75, 395), (80, 400), (85, 411), (90, 424),
            (95, 451), (99, 601), (99.9, 954), (100, 1000)));
}

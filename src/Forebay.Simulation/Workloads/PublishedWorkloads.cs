using System.Collections.Immutable;

namespace Forebay.Simulation.Workloads;

/// <summary>
/// The workloads that <c>forebay replay --workload</c> knows. Each parameter carries its source; "computed" means by us
/// from the published file named, "assumed" that nobody published it. docs/reference/workloads.md holds the same table
/// and says which figures were taken at second hand.
/// </summary>
public static class PublishedWorkloads
{
    /// <summary>
    /// Burstiness where no trace with exact arrivals is at hand: the median, weighted by rate, of the coefficients of
    /// variation of all client windows of ServeGen's m-small (Xiang et al., "ServeGen", NSDI 2026; alibaba/ServeGen,
    /// Apache-2.0; 40,095 windows, 76% of their traffic fitted best by a gamma law). Computed.
    /// </summary>
    private const double ServeGenMedianCv = 1.217;

    private const double AzureConversationCv = 1.094;

    /// <summary>
    /// People in chats.
    /// <list type="bullet">
    /// <item>Lengths, rate, burstiness: the conversation trace of Azure's LLM inference service, 2023-11-16 (Patel et
    /// al., "Splitwise", ISCA 2024; AzureLLMInferenceTrace_conv.csv, CC-BY-4.0): 19,366 requests in 3,501.7 s, means
    /// 1,154.7 tokens in and 211.1 out, interarrival coefficient of variation 1.094, no correlation worth modelling
    /// between the lengths (-0.11). Percentiles by nearest rank, computed; straight lines between them have the means
    /// 1,149.4 and 211.3.</item>
    /// <item>Turns and the time between them: the Azure trace has no conversations, so they come from Mooncake's
    /// conversation trace (Qin et al., "Mooncake", FAST 2025; conversation_trace.jsonl, Apache-2.0), by the rule of
    /// <see cref="Traces.TraceSessions"/>: 12,031 requests in 8,723 conversations, 1.379 turns each on average, so
    /// 27.5% of turns are followed by another. Percentiles of the 3,308 times from one arrival to the next, computed;
    /// they include the answer between, some seconds of two minutes. Its upper end is the 99th percentile:
    /// assumed.</item>
    /// </list>
    /// </summary>
    public static Workload Conversation { get; } = new()
    {
        Name = "conversation",
        Sources = "Azure LLM inference trace 2023 (conversation); turns from Mooncake FAST'25 (conversation)",
        RequestsPerSecond = 19_366 / 3501.722,
        ArrivalCv = AzureConversationCv,
        InputTokens = new Quantiles(
            (0, 2), (1, 29), (5, 181), (10, 207), (15, 372), (20, 387), (25, 396), (30, 403), (35, 414), (40, 703),
            (45, 984), (50, 1020), (55, 1045), (60, 1071), (65, 1097), (70, 1130), (75, 1189), (80, 1315), (85, 1877),
            (90, 2735), (95, 4083), (99, 4142), (99.9, 6212), (100, 14_050)),
        OutputTokens = new Quantiles(
            (0, 7), (1, 16), (5, 41), (10, 54), (15, 67), (20, 77), (25, 85), (30, 91), (35, 96), (40, 103), (45, 113),
            (50, 129), (55, 151), (60, 177), (65, 217), (70, 384), (75, 395), (80, 400), (85, 411), (90, 424),
            (95, 451), (99, 601), (99.9, 954), (100, 1000)),
        ContinueShare = 1 - 8723.0 / 12_031,
        ThinkSeconds = new Quantiles(
            (0, 0), (5, 33), (10, 45), (25, 69), (50, 126), (75, 279), (90, 486), (95, 615), (99, 1473), (100, 1473)),
    };

    /// <summary>
    /// Completion in an editor: long prompts, a few words back, every request alone.
    /// <list type="bullet">
    /// <item>Lengths and rate: the code trace of the same Azure service and day (AzureLLMInferenceTrace_code.csv):
    /// 8,819 requests at 2.57 a second; prompts median 1,469, mean 2,048, 99th percentile 7,436; answers median 13,
    /// mean 28, 99th percentile 249 (the paper gives medians of 1,500 and 13 for its own 20 minutes). Lognormal by
    /// median and mean; prompts are cut at their 99th percentile, where the trace ends, which takes 4% off their mean;
    /// answers, whose 99th percentile comes out as 232, at 2,000: assumed.</item>
    /// <item>Burstiness: ServeGen, as above; the trace's own was not published.</item>
    /// </list>
    /// </summary>
    public static Workload Code { get; } = new()
    {
        Name = "code",
        Sources = "Azure LLM inference trace 2023 (code); burstiness from ServeGen m-small",
        RequestsPerSecond = 2.57,
        ArrivalCv = ServeGenMedianCv,
        InputTokens = LogNormal.OfMedianAndMean(1469, 2048, least: 1, most: 7436),
        OutputTokens = LogNormal.OfMedianAndMean(13, 28, least: 1, most: 2000),
    };

    /// <summary>
    /// Programs that call tools: long prompts that repeat, short answers, the next turn as soon as the tool is done.
    /// <list type="bullet">
    /// <item>Lengths and rate: Mooncake's tool and agent trace (toolagent_trace.jsonl): 23,608 requests, means 8,596 in
    /// and 182 out (Table 2 of the paper), 6.67 a second, medians 6,346 and 30. Lognormal by median and mean, cut at
    /// 126,195 (the longest prompt of the conversation trace) and 16,000 (assumed).</item>
    /// <item>Turns: mean 3.54, the multi-turn conversations that ServeGen publishes (1,616 of them).</item>
    /// <item>Time between turns: idle time after a tool's result in coding agents, median 1.0 s, 90th percentile 23.5 s
    /// (TraceLab, arXiv 2606.30560); lognormal, cut at five minutes, which 0.7% of the published times pass.</item>
    /// <item>System prompts: three open nearly every request of the trace, 10,938, 9,203 and 3,449 times. Their length
    /// was not published: four blocks (2,048 tokens) is what brings the share of the prompts that an unbounded cache
    /// holds to the 59% of Table 2.</item>
    /// <item>Burstiness: ServeGen, as above; the trace's timestamps are rounded to three seconds.</item>
    /// </list>
    /// </summary>
    public static Workload Agentic { get; } = new()
    {
        Name = "agentic",
        Sources = "Mooncake FAST'25 (tool and agent); turns and burstiness from ServeGen; tool times from TraceLab",
        RequestsPerSecond = 6.67,
        ArrivalCv = ServeGenMedianCv,
        InputTokens = LogNormal.OfMedianAndMean(6346, 8596, least: 1, most: 126_195),
        OutputTokens = LogNormal.OfMedianAndMean(30, 182, least: 1, most: 16_000),
        ContinueShare = 1 - 1 / 3.54,
        ThinkSeconds = LogNormal.OfMedianAndP90(1.0, 23.5, least: 0, most: 300),
        SystemPrompts = new SystemPrompts(4, [10_938, 9203, 3449]),
    };

    public static ImmutableArray<Workload> All { get; } = [Conversation, Code, Agentic];
}

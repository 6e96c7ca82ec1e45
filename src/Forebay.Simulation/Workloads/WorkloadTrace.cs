using System.Collections.Immutable;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Workloads;

/// <summary>
/// Generates traffic from a workload's published laws. The same workload, rate and seed give the same trace on every
/// machine, and its beginning does not depend on how much of it is taken.
/// </summary>
/// <remarks>
/// The lengths of a conversation's turns are drawn like any others and put in order of prompt length, so that each
/// prompt can hold the one before it and its answer and the lengths of all requests together still follow the published
/// laws. A turn whose prompt is too short for that opens a conversation of its own, with an arrival of its own.
/// </remarks>
public static class WorkloadTrace
{
    /// <summary>A turn adds at least this many tokens: a few words.</summary>
    private const int LeastNewTokens = 8;

    /// <summary>Conversations drawn beforehand to learn their mean number of turns, which sets their rate.</summary>
    private const int PilotConversations = 4096;

    private const ulong ArrivalDraws = 1UL << 62;
    private const ulong PilotDraws = 1UL << 61;

    /// <summary>
    /// Conversations in order of arrival, without end; the first arrives at 0. Holds one at a time.
    /// </summary>
    /// <param name="workload">What to generate.</param>
    /// <param name="requestsPerSecond">Mean rate, every turn counted, once conversations have lasted a while.</param>
    /// <param name="seed">Decides everything that is drawn.</param>
    public static IEnumerable<TraceRequest> Generate(Workload workload, double requestsPerSecond, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(requestsPerSecond);
        return GenerateAll(workload, requestsPerSecond, seed);
    }

    private static IEnumerable<TraceRequest> GenerateAll(Workload workload, double requestsPerSecond, ulong seed)
    {
        double meanTurns = workload.ContinueShare > 0 ? MeanTurns(workload, seed) : 1;
        var between = new GammaInterarrivals(meanTurns / requestsPerSecond, workload.ArrivalCv);
        var arrivals = new SplitMix64(seed, ArrivalDraws);
        double at = 0;
        for (ulong number = 0; ; number++)
        {
            foreach (TraceRequest conversation in Conversations(workload, new SplitMix64(seed, number)))
            {
                yield return At(conversation, at);
                at += between.Draw(ref arrivals);
            }
        }
    }

    private static TraceRequest At(TraceRequest conversation, double seconds) => conversation with
    {
        ArrivalSeconds = seconds,
        LaterTurns = [.. conversation.LaterTurns.Select(t => t with { ArrivalSeconds = seconds })],
    };

    private static double MeanTurns(Workload workload, ulong seed)
    {
        int conversations = 0;
        int turns = 0;
        for (ulong i = 0; i < PilotConversations; i++)
        {
            foreach (TraceRequest conversation in Conversations(workload, new SplitMix64(seed, PilotDraws + i)))
            {
                conversations++;
                turns += conversation.Turns;
            }
        }

        return (double)turns / conversations;
    }

    /// <summary>Draws the turns of one conversation; several come out where their lengths do not chain.</summary>
    private static List<TraceRequest> Conversations(Workload workload, SplitMix64 draw)
    {
        int turns = 1;
        while (draw.NextDouble() < workload.ContinueShare)
        {
            turns++;
        }

        var drawn = new List<TraceRequest>(turns);
        for (int i = 0; i < turns; i++)
        {
            drawn.Add(new TraceRequest(
                0, Tokens(workload.InputTokens, ref draw), Tokens(workload.OutputTokens, ref draw)));
        }

        var conversations = new List<TraceRequest>();
        foreach (TraceRequest turn in drawn.OrderBy(t => t.InputTokens))
        {
            TraceRequest? open = conversations.Count > 0 ? conversations[^1] : null;
            TraceRequest? last = open is { LaterTurns: [.., var latest] } ? latest : open;
            if (last is not null && turn.InputTokens - last.InputTokens - last.OutputTokens >= LeastNewTokens)
            {
                TraceRequest next = turn with { ThinkSeconds = workload.ThinkSeconds!.Draw(ref draw) };
                conversations[^1] = open! with { LaterTurns = open.LaterTurns.Add(next) };
            }
            else
            {
                conversations.Add(turn with { Blocks = SystemPrompt(workload, turn.InputTokens, ref draw) });
            }
        }

        return conversations;
    }

    private static int Tokens(ISampled lengths, ref SplitMix64 draw) =>
        (int)Math.Round(lengths.Draw(ref draw), MidpointRounding.AwayFromZero);

    /// <summary>The whole blocks of a system prompt that a first prompt has room for.</summary>
    private static ImmutableArray<int> SystemPrompt(Workload workload, int inputTokens, ref SplitMix64 draw)
    {
        if (workload.SystemPrompts is not { } prompts)
        {
            return [];
        }

        double left = draw.NextDouble() * prompts.Weights.Sum();
        int which = 0;
        while (which < prompts.Weights.Length - 1 && (left -= prompts.Weights[which]) >= 0)
        {
            which++;
        }

        int blocks = Math.Min(prompts.Blocks, (inputTokens - 1) / TraceRequest.TokensPerBlock);
        return [.. Enumerable.Range(which * prompts.Blocks, blocks)];
    }
}

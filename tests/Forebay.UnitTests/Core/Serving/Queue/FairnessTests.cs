using Forebay.Core.Limits;
using Forebay.Core.Serving.Queue;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Queue;

/// <summary>
/// What the queue promises, measured in virtual time at two servers: one that gives each running request a token a step,
/// and the engine model. The bound is that of VTC's theorem 4.4: between two tenants that both have something waiting,
/// the services of any interval differ by at most twice the larger of the longest prompt and a whole batch's output.
/// </summary>
public sealed class FairnessTests
{
    private const int Places = 16;
    private static readonly TimeSpan Span = TimeSpan.FromSeconds(120);

    /// <summary>Long prompts, long answers, both short, a flood.</summary>
    private static readonly Sender[] Mixed =
    [
        new("prompts", 4000, 40), new("answers", 60, 400), new("short", 100, 30), new("flood", 1000, 200, 300),
    ];

    public static TheoryData<bool, int> Cases
    {
        get
        {
            var cases = new TheoryData<bool, int>();
            foreach (int seed in (int[])[1, 2, 3])
            {
                cases.Add(false, seed);
                cases.Add(true, seed);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Backlogged_tenants_get_the_same_service_within_the_bound(bool engine, int seed)
    {
        FairnessRun run = Run(engine, Mixed, seed);

        double worst = Largest(run.Spread);
        double jain = FairnessRun.Jain(run.Service);
        TestContext.Current.SendDiagnosticMessage(
            $"engine {engine}, seed {seed}: gap {worst:0} of {Bound(Mixed):0}, Jain {jain:0.0000}, {run.Grants} granted");
        Assert.True(run.Grants > 300, $"{run.Grants} granted");
        Assert.InRange(worst, 1, Bound(Mixed));
        Assert.InRange(jain, 0.99, 1);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void First_come_first_served_breaks_the_bound_so_the_measure_can_fail(bool engine, int seed)
    {
        FairnessRun run = Run(engine, Mixed, seed, fair: false);

        Assert.True(Largest(run.Spread) > Bound(Mixed) || FairnessRun.Jain(run.Service) < 0.9);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Service_follows_the_weights(bool engine, int seed)
    {
        Sender[] senders =
        [
            new("one", 1000, 200), new("two", 1000, 200, 20, 2), new("half", 300, 300, 20, 0.5), new("four", 500, 50, 20, 4),
        ];
        FairnessRun run = Run(engine, senders, seed);

        // Services are divided by the weights already.
        Assert.InRange(FairnessRun.Jain(run.Service), 0.99, 1);
        Assert.InRange(Largest(run.Spread), 1, Bound(senders));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Who_comes_late_or_returns_gets_its_share_from_then_on_and_no_more(bool engine, int seed)
    {
        Sender[] senders =
        [
            new("always", 1000, 200),
            new("late", 1000, 200, ActiveShare: 0.5),
            new("returns", 1000, 200, PauseFrom: 0.2, PauseUntil: 0.7),
        ];
        FairnessRun run = Run(engine, senders, seed);

        Assert.InRange(Largest(run.Spread), 1, Bound(senders));
        Assert.True(run.Service[0] > run.Service[1] + run.Service[2] * 0.2, "An absence was made good for.");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Being_fair_costs_no_throughput(bool engine, int seed)
    {
        long fair = new FairnessRun(Server(engine), Mixed, seed, fair: true, each: 150).Run(TimeSpan.FromHours(2));
        long unfair = new FairnessRun(Server(engine), Mixed, seed, fair: false, each: 150).Run(TimeSpan.FromHours(2));

        TestContext.Current.SendDiagnosticMessage($"engine {engine}, seed {seed}: {fair / (double)unfair:0.000}");
        Assert.InRange(fair / (double)unfair, 0.9, 1.03);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Lower_classes_get_their_share_and_no_more_while_higher_ones_wait(bool engine, int seed)
    {
        FairnessRun run = Run(
            engine,
            [
                new("now", 200, 40, 50, Class: PriorityClass.Interactive),
                new("soon", 200, 40, 50, Class: PriorityClass.Standard),
                new("later", 200, 40, 50, Class: PriorityClass.Batch),
            ],
            seed);

        var shares = new QueueConfig();
        double of = run.Order.Count;
        Assert.InRange(run.Order.Count(c => c == PriorityClass.Batch) / of, 0.99 / shares.BatchOneIn, 1.2 / shares.BatchOneIn);
        Assert.InRange(
            run.Order.Count(c => c == PriorityClass.Standard) / of, 0.9 / shares.StandardOneIn, 1.1 / shares.StandardOneIn);
        int since = 0;
        foreach (PriorityClass granted in run.Order)
        {
            since = granted == PriorityClass.Batch ? 0 : since + 1;
            Assert.True(since < shares.BatchOneIn);
        }
    }

    private static FairnessRun Run(bool engine, Sender[] senders, int seed, bool fair = true)
    {
        var run = new FairnessRun(Server(engine), senders, seed, fair);
        _ = run.Run(Span);
        return run;
    }

    private static VirtualServer Server(bool engine) => engine ? new EngineServer(Places) : new StepServer(Places);

    private static double Bound(Sender[] senders) => 2 * senders.Max(
        s => Math.Max(s.Prompt, 2.0 * Places * s.Output) / Math.Min(1, s.Weight));

    private static double Largest(double[,] of) => of.Cast<double>().Max();
}

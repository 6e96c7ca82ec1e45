using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Engine;
using Forebay.Emulator;
using Forebay.Simulation.Replay;
using Forebay.Simulation.Replay.Reports;
using Forebay.Simulation.Traces;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Replay;

/// <summary>
/// Holds sender and emulator to one count: what the emulator reports as read from its prefix cache is what the trace's
/// blocks imply, to the token, once its two rules are applied: whole blocks of 16 tokens, and at least one token computed.
/// </summary>
public sealed class PrefixCacheAgreementTests
{
    private const string SharedTrace = "traces/mooncake/conversation_trace.jsonl";
    private const string Model = "m-8b";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>An engine whose memory no test here fills, a million times as fast as the chip.</summary>
    private static EmulatorSpec Spec()
    {
        var model = new ModelConfig
        {
            Id = Model, ContextTokens = 131_072, MaxOutputTokens = 8192, ParametersBillion = Figure.Of(8),
        };
        var engine = EngineParameters.For(AcceleratorCatalogue.BuiltIn.Find("H100-SXM")!, model, 8);
        return new EmulatorSpec
        {
            TimeScale = 1_000_000,
            Deployments =
            [
                new EmulatedDeploymentSpec { Id = "one", Model = Model, Engine = engine with { KvBlocks = 2_000_000 } },
            ],
        };
    }

    /// <summary>Sends requests one after the other, each as soon as the one before it is answered.</summary>
    private static async Task<ReplayReport> ReplayOneByOneAsync(TraceRequest[] requests, ReplayDialect dialect)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(
            Spec(), TimeProvider.System, CancellationToken.None);
        TraceRequest[] trace =
        [
            requests[0] with { LaterTurns = [.. requests.Skip(1).Select(r => r with { ArrivalSeconds = 0 })] },
        ];
        var options = new ReplayOptions
        {
            BaseUrl = emulator.Endpoints["one"],
            ApiKey = "none",
            Models = ModelMix.Even([Model]),
            Dialect = dialect,
            RunId = 1,
        };
        using var http = new HttpClient();
        return await new ReplayRun(options, http, TimeProvider.System)
            .ExecuteAsync(trace, TraceSummary.Of("t", trace), new ReplayOrigin("1", "m", []), CancellationToken.None)
            .WaitAsync(Patience, CancellationToken.None);
    }

    /// <summary>What the emulator's two rules leave of what an ideal cache holds.</summary>
    private static long Expected(TraceRequest[] requests)
    {
        var reuse = new PrefixReuse();
        long sum = 0;
        foreach (TraceRequest request in requests)
        {
            long before = reuse.ReusableTokens!.Value;
            reuse.Add(request);
            long ideal = reuse.ReusableTokens!.Value - before;
            sum += Math.Min(ideal, Math.Max(0, request.InputTokens - 1))
                / EngineParameters.BlockTokens * EngineParameters.BlockTokens;
        }

        return sum;
    }

    [Theory]
    [InlineData(ReplayDialect.Anthropic)]
    [InlineData(ReplayDialect.OpenAi)]
    public async Task Hits_are_what_the_blocks_imply(ReplayDialect dialect)
    {
        TraceRequest[] requests =
        [
            new(0, 1300, 2) { Blocks = [0, 1, 2] },
            new(0, 1024, 2) { Blocks = [0, 1] },
            new(0, 1300, 2) { Blocks = [0, 1, 2] },
            new(0, 2000, 2) { Blocks = [0, 3, 1, 2] },
            new(0, 10, 2) { Blocks = [4] },
            new(0, 2000, 2) { Blocks = [0, 3, 1, 2] },
        ];

        ReplayReport report = await ReplayOneByOneAsync(requests, dialect);

        Assert.True(report.AllSucceeded);
        Assert.Equal(requests.Sum(r => r.InputTokens), report.Tokens.Input);
        Assert.Equal(1008 + 1296 + 512 + 1984, report.Tokens.CachedInput);
        Assert.Equal(Expected(requests), report.Tokens.CachedInput);
    }

    [Theory]
    [InlineData(ReplayDialect.Anthropic)]
    [InlineData(ReplayDialect.OpenAi)]
    public async Task A_slice_of_the_published_trace_hits_as_its_blocks_imply(ReplayDialect dialect)
    {
        string? path = SharedFiles.Find(SharedTrace);
        Assert.SkipWhen(path is null, SharedFiles.SkipReason(SharedTrace));
        using StreamReader reader = File.OpenText(path);
        TraceRequest[] slice =
            [.. TraceReader.Read(reader, path).Take(600).Select(r => r with { OutputTokens = 1 })];

        ReplayReport report = await ReplayOneByOneAsync(slice, dialect);

        Assert.True(report.AllSucceeded);
        Assert.Equal(slice.Sum(r => (long)r.InputTokens), report.Tokens.Input);
        Assert.Equal(Expected(slice), report.Tokens.CachedInput);

        // Of 8,293,542 tokens the ideal cache holds 1,423,195 and the emulator's held 1,423,136: the two rules cost 59.
        long ideal = report.Trace.ReusableInputTokens!.Value;
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{report.Tokens.Input} tokens in, {ideal} implied, {report.Tokens.CachedInput} hit");
        Assert.InRange(ideal, 100_000, report.Tokens.Input);
        Assert.InRange(ideal - report.Tokens.CachedInput, 0, 600 * EngineParameters.BlockTokens);
    }

    [Theory]
    [InlineData(ReplayDialect.Anthropic)]
    [InlineData(ReplayDialect.OpenAi)]
    public async Task A_turn_reads_the_whole_prompt_before_it_from_the_cache(ReplayDialect dialect)
    {
        // Without blocks: each prompt is the one before it, the answer received and new text.
        TraceRequest[] requests = [new(0, 1000, 50), new(0, 1100, 60), new(0, 2000, 10)];

        ReplayReport report = await ReplayOneByOneAsync(requests, dialect);

        Assert.True(report.AllSucceeded);
        Assert.Equal(4100, report.Tokens.Input);
        Assert.Equal(2100, report.Trace.ReusableInputTokens);
        Assert.Equal(992 + 1088, report.Tokens.CachedInput);
    }
}

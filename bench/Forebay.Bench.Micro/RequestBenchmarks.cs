using BenchmarkDotNet.Attributes;
using Forebay.Protocols;

namespace Forebay.Bench.Micro;

/// <summary>Step 3: one forward pass over a body, and the hashes of its prefix blocks.</summary>
public class RequestBenchmarks
{
    private readonly ulong[] _hashes = new ulong[16 * 1024];
    private RequestFacts _small;
    private RequestFacts _large;

    [GlobalSetup]
    public void Setup()
    {
        _small = Parse(Samples.SmallChat);
        _large = Parse(Samples.LargeChat);
    }

    [Benchmark]
    public long ParseSmall() => Parse(Samples.SmallChat).EstimatedInputTokens;

    [Benchmark]
    public long ParseLarge() => Parse(Samples.LargeChat).EstimatedInputTokens;

    [Benchmark]
    public int HashSmall() => PromptBlocks.Hash(in _small, Samples.SmallChat, 1, _hashes);

    [Benchmark]
    public int HashLarge() => PromptBlocks.Hash(in _large, Samples.LargeChat, 1, _hashes);

    private static RequestFacts Parse(byte[] body) =>
        RequestReader.TryRead(WireDialect.OpenAi, body, countTokens: false, out RequestFacts facts, out RequestProblem bad)
            ? facts
            : throw new InvalidOperationException(bad.Message);
}

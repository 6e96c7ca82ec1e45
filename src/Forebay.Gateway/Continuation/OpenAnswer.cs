using Forebay.Core.Fleet;
using Forebay.Core.Usage;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Translation;
using Forebay.Protocols;

namespace Forebay.Gateway.Continuation;

/// <summary>
/// A streamed answer that can be gone on with at another deployment: the text that its client has, in pooled memory
/// under the global budget, and what its parts used. Owned by one request.
/// </summary>
internal sealed class OpenAnswer : IDisposable
{
    private readonly Exchange _x;
    private readonly PooledBuffer _text;
    private readonly BudgetedWriter _writer;
    private readonly PooledBuffer _body;
    private readonly AnswerSoFar _soFar;
    private TokenUsage _part;
    private WireUsage _first;
    private ContinuedUsage _usage;
    private ReadOnlyMemory<byte> _whiteSpace;
    private RequestFacts _facts;

    public OpenAnswer(Exchange x, GatewayRuntime runtime, Deployment deployment)
    {
        _x = x;
        _text = new PooledBuffer(runtime.Memory, x.Settings.MemoryBudgetBytes);
        _body = new PooledBuffer(runtime.Memory, x.Settings.MemoryBudgetBytes);
        _writer = new BudgetedWriter(_text);
        _soFar = new AnswerSoFar(x.Wire, _writer);
        Version = deployment.Config.ModelVersion;
    }

    /// <summary>The version of the model that began it.</summary>
    public string? Version { get; }

    /// <summary>How often it was gone on with.</summary>
    public int Times { get; private set; }

    /// <summary>Carries on with the answer at the deployment being tried; null at the one that began it.</summary>
    public StreamSeam? Seam { get; private set; }

    public AnswerSoFar SoFar => _soFar;

    /// <summary>A part broke off and was charged: what the last one used is apart from it.</summary>
    public bool IsSplit { get; private set; }

    /// <summary>What providers charge for the parts before the last.</summary>
    public long EarlierCostMicros { get; private set; }

    /// <summary>What the last part used by its provider's count.</summary>
    public TokenUsage Part => _part;

    /// <summary>The body that asks for the rest.</summary>
    public ReadOnlyMemory<byte> Body => _body.WrittenMemory;

    /// <summary>What was read from it.</summary>
    public ref readonly RequestFacts Facts => ref _facts;

    /// <summary>Whether the whole's counts were made by providers alone.</summary>
    public bool IsCounted { get; private set; } = true;

    /// <summary>A stream begins that goes on with the answer, or is its first.</summary>
    public void Begin(StreamObserver observer) => Seam = Times == 0
        ? null
        : StreamSeam.Of(_x.Wire, _soFar, observer, _usage, _whiteSpace);

    /// <summary>The client was sent whole events.</summary>
    public void Sent(ReadOnlySpan<byte> events)
    {
        if (_soFar.Bar != ContinuationBar.None)
        {
            return;
        }

        _soFar.Follow(events);
        if (_writer.Overflowed || _text.Length > _x.Settings.ContinuationBytes)
        {
            _soFar.Forbid(ContinuationBar.TooLong);
        }

        if (_soFar.Bar != ContinuationBar.None)
        {
            // It will not be needed; the memory may be.
            _text.Trim(0);
        }
    }

    /// <summary>What the whole answer used, given its last part.</summary>
    public TokenUsage Add(TokenUsage part, StreamObserver observer)
    {
        _part = part;
        if (Times == 0)
        {
            _first = observer.Usage;
            return part;
        }

        var last = new WireUsage(observer.Usage.Known, part.Input, part.CacheRead, part.CacheWrite, part.Output);
        WireUsage whole = _usage.Of(last);
        IsCounted = _usage.IsCounted(last);
        return whole.Known
            ? new TokenUsage(whole.Input, whole.CacheRead, whole.CacheWrite, whole.Output)
            : new TokenUsage(_x.Facts.EstimatedInputTokens, 0, 0, whole.Output);
    }

    /// <summary>Finds out how the answer could be gone on with.</summary>
    public ContinuedRequest Plan(bool asksToContinue) => ContinuedRequest.Of(
        _x.Wire, _x.Body!.Written, in _x.Facts, _soFar, _text.Written, asksToContinue);

    /// <summary>Turns to the next part. False where there is no memory for its request.</summary>
    public bool TryTurnTo(ContinuedRequest next)
    {
        _body.Clear();
        var writer = new BudgetedWriter(_body);
        if (!_body.TryReserve(_x.Body!.Length + _text.Length))
        {
            return false;
        }

        next.Write(_x.Body.Written, writer);
        if (writer.Overflowed
            || !RequestReader.TryRead(_x.Wire, _body.Written, countTokens: false, out _facts, out _))
        {
            return false;
        }

        _usage = new ContinuedUsage(_first, next.TextTokens);
        _whiteSpace = next.WhiteSpace;
        Times++;
        return true;
    }

    /// <summary>The part that broke off is paid for, whatever comes after it.</summary>
    public void Charge(Deployment deployment)
    {
        EarlierCostMicros += deployment.Cost.At(_x.Accepted.WallUnixMs).Of(_part);
        _part = default;
        IsSplit = true;
    }

    public void Dispose()
    {
        _text.Dispose();
        _body.Dispose();
    }
}

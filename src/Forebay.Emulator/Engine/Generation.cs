using System.Threading.Tasks.Sources;

namespace Forebay.Emulator.Engine;

/// <summary>
/// One request in an engine: the pump says how many tokens there are, the request's handler waits for more. One waiter
/// at a time; waiting allocates nothing.
/// </summary>
internal sealed class Generation(long id, int promptTokens, int outputTokens, ulong[] prefixHashes, bool streams)
    : IValueTaskSource<int>
{
    private readonly Lock _lock = new();
    private ManualResetValueTaskSourceCore<int> _source = new() { RunContinuationsAsynchronously = true };
    private int _tokens;
    private bool _ended;
    private bool _waiting;
    private Exception? _failure;

    public long Id { get; } = id;

    public int PromptTokens { get; } = promptTokens;

    public int OutputTokens { get; } = outputTokens;

    public ulong[] PrefixHashes { get; } = prefixHashes;

    /// <summary>Whether tokens are wanted as they come; otherwise only the end is told.</summary>
    public bool Streams { get; } = streams;

    /// <summary>Prompt tokens that were in the prefix cache; known once the first token is there.</summary>
    public int CachedTokens { get; set; }

    /// <summary>The engine it was submitted to.</summary>
    public EnginePump? Pump { get; set; }

    public long SubmittedNs { get; set; }

    public long FirstTokenNs { get; set; }

    /// <summary>
    /// Waits until there are more tokens than <paramref name="seen"/>, or the end.
    /// </summary>
    /// <returns>Tokens so far.</returns>
    public ValueTask<int> MoreThanAsync(int seen)
    {
        lock (_lock)
        {
            if (_failure is not null)
            {
                return ValueTask.FromException<int>(_failure);
            }

            if (_tokens > seen || _ended)
            {
                return ValueTask.FromResult(_tokens);
            }

            _source.Reset();
            _waiting = true;
            return new ValueTask<int>(this, _source.Version);
        }
    }

    /// <summary>Ends the request in its engine at once.</summary>
    public void Cancel() => Pump?.Cancel(this);

    public void Report(int tokens, bool ended)
    {
        lock (_lock)
        {
            if (tokens == _tokens && !ended)
            {
                return;
            }

            _tokens = tokens;
            _ended |= ended;
            if (_waiting)
            {
                _waiting = false;
                _source.SetResult(tokens);
            }
        }
    }

    public void Fail(Exception failure)
    {
        lock (_lock)
        {
            _failure = failure;
            if (_waiting)
            {
                _waiting = false;
                _source.SetException(failure);
            }
        }
    }

    int IValueTaskSource<int>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}

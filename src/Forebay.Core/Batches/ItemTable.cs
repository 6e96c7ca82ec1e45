namespace Forebay.Core.Batches;

/// <summary>Where an item stands.</summary>
public enum ItemPhase : byte
{
    Pending,
    Running,
    Settled,
}

/// <summary>
/// The items of one batch: which wait, which run, how each ended. Each is settled exactly once, at most one run of an
/// item is alive, and an attempt's number is used once; what would break that is an exception. For one thread at a
/// time.
/// </summary>
/// <remarks>Memory: 8 bytes an item, and 4 more while it waits. Taking, starting and settling one are O(1), but that
/// taking one past others that wait out a pause passes over each of them once.</remarks>
public sealed class ItemTable
{
    private readonly ushort[] _models;
    private readonly ItemPhase[] _phases;
    private readonly ItemOutcome[] _outcomes;
    private readonly ushort[] _attempts;
    private readonly Queue<int>[] _pending;
    private readonly PriorityQueue<int, long> _paused = new();
    private readonly Dictionary<int, UInt128> _runs = [];

    /// <param name="models">For each item the number of its model.</param>
    /// <param name="modelNames">The models by their number.</param>
    public ItemTable(IReadOnlyList<int> models, IReadOnlyList<string> modelNames)
    {
        Models = modelNames;
        _models = [.. models.Select(m => checked((ushort)m))];
        _phases = new ItemPhase[_models.Length];
        _outcomes = new ItemOutcome[_models.Length];
        _attempts = new ushort[_models.Length];
        _pending = [.. modelNames.Select(_ => new Queue<int>())];
        for (int item = 0; item < _models.Length; item++)
        {
            _pending[_models[item]].Enqueue(item);
        }
    }

    public int Count => _phases.Length;

    /// <summary>The models that items are for, by number.</summary>
    public IReadOnlyList<string> Models { get; }

    public BatchCounts Counts { get; private set; }

    public BatchTokens Tokens { get; private set; }

    /// <summary>How many run.</summary>
    public int Running => _runs.Count;

    /// <summary>How many wait, those that wait out a pause included.</summary>
    public int Pending => Count - Running - Counts.Settled;

    public bool IsSettled => Counts.Settled == Count;

    public ItemPhase PhaseOf(int item) => _phases[item];

    /// <summary>How one that is settled ended.</summary>
    public ItemOutcome OutcomeOf(int item) => _phases[item] == ItemPhase.Settled
        ? _outcomes[item]
        : throw new InvalidOperationException($"Item {item} has no outcome yet.");

    /// <summary>How often it was started.</summary>
    public int AttemptsOf(int item) => _attempts[item];

    /// <summary>The request of the run that is alive, or was when the process ended.</summary>
    public UInt128? RunOf(int item) => _runs.TryGetValue(item, out UInt128 request) ? request : null;

    /// <summary>Items that run.</summary>
    public IEnumerable<int> Runs => _runs.Keys;

    /// <summary>The next item for a model that may be started; null for none.</summary>
    public int? Next(int model, long nowMs)
    {
        while (_paused.TryPeek(out int item, out long notBefore) && notBefore <= nowMs)
        {
            _paused.Dequeue();
            if (_phases[item] == ItemPhase.Pending)
            {
                _pending[_models[item]].Enqueue(item);
            }
        }

        Queue<int> queue = _pending[model];
        while (queue.TryPeek(out int next))
        {
            if (_phases[next] == ItemPhase.Pending)
            {
                return next;
            }

            queue.Dequeue();
        }

        return null;
    }

    /// <summary>A run begins.</summary>
    /// <returns>The number of the attempt, from 1.</returns>
    /// <exception cref="InvalidOperationException">The item runs, or has its outcome.</exception>
    public int Start(int item, UInt128 request)
    {
        Expect(item, ItemPhase.Pending, "started");
        _phases[item] = ItemPhase.Running;
        _runs.Add(item, request);
        Queue<int> queue = _pending[_models[item]];
        if (queue.TryPeek(out int head) && head == item)
        {
            queue.Dequeue();
        }

        return _attempts[item] = checked((ushort)(_attempts[item] + 1));
    }

    /// <summary>Takes over from a record that an attempt began.</summary>
    /// <exception cref="InvalidOperationException">The record cannot be.</exception>
    public void Restore(int item, int attempt, UInt128 request)
    {
        if (_phases[item] == ItemPhase.Running)
        {
            // The process that ran it ended, or the run did for a reason that may pass.
            _runs.Remove(item);
            _phases[item] = ItemPhase.Pending;
        }

        if (attempt <= _attempts[item])
        {
            throw new InvalidOperationException($"Attempt {attempt} of item {item} is recorded twice.");
        }

        _attempts[item] = (ushort)(attempt - 1);
        Start(item, request);
    }

    /// <summary>A run came to its end, with the item's outcome.</summary>
    public void Settle(int item, ItemOutcome outcome, BatchTokens tokens = default)
    {
        Expect(item, ItemPhase.Running, "settled");
        _runs.Remove(item);
        End(item, outcome);
        Tokens += tokens;
    }

    /// <summary>A run came to its end without an answer: the item waits again.</summary>
    /// <param name="item">Which.</param>
    /// <param name="notBeforeMs">When it may be started again.</param>
    public void Return(int item, long notBeforeMs)
    {
        Expect(item, ItemPhase.Running, "returned");
        _runs.Remove(item);
        _phases[item] = ItemPhase.Pending;
        _paused.Enqueue(item, notBeforeMs);
    }

    /// <summary>Ends an item that waits, and never will be started.</summary>
    public void Drop(int item, ItemOutcome outcome)
    {
        Expect(item, ItemPhase.Pending, "dropped");
        End(item, outcome);
    }

    /// <summary>Items that wait, in order.</summary>
    public IEnumerable<int> Waiting()
    {
        for (int item = 0; item < Count; item++)
        {
            if (_phases[item] == ItemPhase.Pending)
            {
                yield return item;
            }
        }
    }

    /// <summary>Holds what must always hold: every item is in one phase, and the counts add up. O(n).</summary>
    /// <exception cref="InvalidOperationException">It does not.</exception>
    public void Check()
    {
        int pending = _phases.Count(p => p == ItemPhase.Pending);
        int running = _phases.Count(p => p == ItemPhase.Running);
        if (pending != Pending || running != Running || Count - pending - running != Counts.Settled)
        {
            throw new InvalidOperationException(
                $"{Count} items: {pending} wait ({Pending} counted), {running} run ({Running} counted), "
                + $"{Counts.Settled} are counted as settled.");
        }
    }

    private void End(int item, ItemOutcome outcome)
    {
        _phases[item] = ItemPhase.Settled;
        _outcomes[item] = outcome;
        Counts = Counts.With(outcome);
    }

    private void Expect(int item, ItemPhase phase, string what)
    {
        if (_phases[item] != phase)
        {
            throw new InvalidOperationException(
                $"Item {item} was {what} while it was {_phases[item].ToString().ToLowerInvariant()}.");
        }
    }
}

using Forebay.Core.Limits;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Queue;

/// <summary>
/// Random interleavings of everything that can happen to a queue, beside a list that is searched from end to end: who
/// comes next is the same at every step, nobody is lost or granted twice, and no tenant is credited for an absence.
/// </summary>
public sealed class FairQueuePropertyTests
{
    private const int Steps = 4_000;
    private const int Deployments = 4;
    private static readonly int[][] Tags = [[0], [1], [0, 1], [1, 2, 3], [3], [0, 1, 2, 3]];

    private readonly QueueFleet _fleet = new(Deployments);
    private readonly List<QueueEntry> _waiting = [];
    private readonly List<QueueEntry> _granted = [];
    private readonly int[,] _passed = new int[Deployments, FairQueue.Classes];
    private FairQueue _queue = new();
    private Random _random = new(0);
    private EligibleSet[] _sets = [];
    private long _nowNs;
    private int _entered;
    private int _left;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 12)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Whatever_happens_the_order_is_the_one_that_the_rules_say(int seed)
    {
        _random = new Random(seed);
        _queue = new FairQueue { Config = new QueueConfig { StandardOneIn = 2 + seed % 4, BatchOneIn = 3 + seed % 5 } };
        for (int step = 0; step < Steps; step++)
        {
            _nowNs += _random.Next(3);
            if (step % 40 == 0)
            {
                // As after a reload: the same deployments in other objects.
                _sets = [.. Tags.Select(t => _fleet.Set(t))];
            }

            Step();
            if (step % 16 == 0)
            {
                _queue.Check();
            }

            Assert.Equal(_waiting.Count, _queue.Count);
        }

        // Nobody is lost: every request that came in either left or can still be granted.
        for (int d = 0; _waiting.Count > 0; d = (d + 1) % Deployments)
        {
            GrantAt(d);
        }

        _queue.Check();
        Assert.Equal((0, _entered), (_queue.Count, _left));
    }

    private void Step()
    {
        switch (_random.Next(20))
        {
            case < 8:
                EnterNew();
                break;
            case < 13:
                GrantAt(_random.Next(Deployments));
                break;
            case 13 when _waiting.Count > 0:
                QueueEntry gone = Any(_waiting);
                _queue.Remove(gone);
                Left(gone);
                Assert.Throws<InvalidOperationException>(() => _queue.Remove(gone));
                break;
            case 14 when _waiting.Count > 0:
                _queue.Retag(Any(_waiting), Any(_sets));
                break;
            case 15 or 16:
                Counter().Charge(_random.Next(200), _random.Next(100));
                break;
            case 17:
                ServiceCounter lowered = Counter();
                if (FairQueue.TakeBack(lowered, Math.Min(lowered.Units, _random.Next(50_000)), lowered.Lifts))
                {
                    FairQueue.Lowered(lowered);
                }

                break;
            case 18 when _granted.Count > 0:
                ComeBack();
                break;
            case 19:
                Expire();
                break;
        }
    }

    private void EnterNew()
    {
        var entry = new QueueEntry();
        long deadline = _random.Next(4) == 0 ? long.MaxValue : _nowNs + _random.Next(2_000);
        entry.Prepare(Counter(), (PriorityClass)_random.Next(3), Any(_sets), _random.Next(500), deadline);
        Enter(entry);
    }

    private void ComeBack()
    {
        QueueEntry entry = Any(_granted);
        _granted.Remove(entry);
        entry.Return(Any(_sets), 0);
        Enter(entry);
    }

    private void Enter(QueueEntry entry)
    {
        bool absent = !_waiting.Exists(e => e.Class == entry.Class && e.Counter == entry.Counter);
        long[] level =
        [
            .. _waiting.Where(e => e.Class == entry.Class && Shares(e.Eligible, entry.Eligible)).Select(e => e.Counter.Units),
        ];
        _queue.Enter(entry, _nowNs);
        _waiting.Add(entry);
        _entered++;
        if (absent && level.Length > 0)
        {
            Assert.True(entry.Counter.Units >= level.Min(), "A tenant was credited for its absence.");
        }
    }

    private void GrantAt(int deployment)
    {
        string id = $"d{deployment}";
        QueueEntry? expected = Expected(deployment);
        Assert.Same(expected, _queue.Peek(id));
        if (expected is null)
        {
            return;
        }

        int[] others = [.. Enumerable.Range(0, Deployments).Where(d => !expected.Eligible.Contains($"d{d}"))];
        if (others.Length > 0)
        {
            Assert.Throws<InvalidOperationException>(() => _queue.Grant(expected, $"d{others[0]}"));
        }

        long before = expected.Counter.Units;
        for (int c = 0; c < FairQueue.Classes; c++)
        {
            bool waits = _waiting.Exists(e => (int)e.Class == c && e.Eligible.Contains(id));
            _passed[deployment, c] = waits && c != (int)expected.Class ? _passed[deployment, c] + 1 : 0;
        }

        // The starvation bound, whatever else waits.
        Assert.True(_passed[deployment, (int)PriorityClass.Batch] < _queue.Config.BatchOneIn);
        Assert.True(_passed[deployment, (int)PriorityClass.Standard] <= _queue.Config.StandardOneIn);
        _queue.Grant(expected, id);
        Assert.Equal(before + expected.Counter.UnitsOf(expected.InputTokens, 0), expected.Counter.Units);
        Assert.Throws<InvalidOperationException>(() => _queue.Grant(expected, id));
        Left(expected);
        _granted.Add(expected);
    }

    /// <summary>The rules, by searching everything.</summary>
    private QueueEntry? Expected(int deployment)
    {
        var usable = _waiting.Where(e => e.Eligible.Contains($"d{deployment}")).ToList();
        if (usable.Count == 0)
        {
            return null;
        }

        var present = usable.Select(e => e.Class).Distinct().Order().ToList();
        PriorityClass priority =
            present.Contains(PriorityClass.Batch) && _passed[deployment, 2] >= _queue.Config.BatchOneIn - 1
                ? PriorityClass.Batch
            : present.Contains(PriorityClass.Standard) && _passed[deployment, 1] >= _queue.Config.StandardOneIn - 1
                ? PriorityClass.Standard
            : present[0];
        return usable.Where(e => e.Class == priority).OrderBy(e => e.Counter.Units).ThenBy(e => e.Sequence).First();
    }

    private void Expire()
    {
        while (_queue.Expire(_nowNs) is { } late)
        {
            Assert.True(late.DeadlineNs <= _nowNs);
            Assert.Equal(_waiting.Min(e => e.DeadlineNs), late.DeadlineNs);
            Left(late);
        }

        Assert.DoesNotContain(_waiting, e => e.DeadlineNs <= _nowNs);
    }

    private void Left(QueueEntry entry)
    {
        Assert.True(_waiting.Remove(entry));
        _left++;
    }

    private ServiceCounter Counter()
    {
        int tenant = _random.Next(9);
        ServiceCounter counter = _queue.CounterOf($"t{tenant}");
        counter.Weight = 1 + tenant % 3;
        return counter;
    }

    private T Any<T>(IReadOnlyList<T> of) => of[_random.Next(of.Count)];

    private static bool Shares(EligibleSet a, EligibleSet b) => a.Deployments.Any(d => b.Contains(d.Id));
}

using Forebay.Core.Limits;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Time;

namespace Forebay.UnitTests.Core.Serving.Queue;

/// <summary>What a tenant of a run sends.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Prompt">Longest prompt; lengths are drawn evenly up to it.</param>
/// <param name="Output">Longest answer; likewise.</param>
/// <param name="Waiting">Requests that it keeps waiting.</param>
/// <param name="Weight">Its weight.</param>
/// <param name="Class">Its class.</param>
/// <param name="ActiveShare">When it sends: from this share of the run on.</param>
/// <param name="ActiveUntil">And until this share.</param>
/// <param name="PauseFrom">But not from this share of the run on,</param>
/// <param name="PauseUntil">until this one.</param>
internal sealed record Sender(
    string Name,
    int Prompt,
    int Output,
    int Waiting = 20,
    double Weight = 1,
    PriorityClass Class = PriorityClass.Standard,
    double ActiveShare = 0,
    double ActiveUntil = 1,
    double PauseFrom = 2,
    double PauseUntil = 2);

/// <summary>Tenants that keep requests waiting at one server in virtual time, through the production queue or first come
/// first served, and the service that each got over time.</summary>
internal sealed class FairnessRun
{
    private const long QuantumNs = 5 * Instant.NsPerMs;

    private readonly FairQueue _queue = new();
    private readonly Queue<Job> _inOrder = new();
    private readonly List<Job> _running = [];
    private readonly VirtualServer _server;
    private readonly Sender[] _senders;
    private readonly Random[] _random;
    private readonly EligibleSet _set = new QueueFleet(1).Set(0);
    private readonly bool _fair;
    private readonly int[] _waiting;
    private readonly int[] _left;
    private long _number;

    /// <param name="server">Where they are served.</param>
    /// <param name="senders">Who sends.</param>
    /// <param name="seed">What lengths are drawn from.</param>
    /// <param name="fair">Through the fair queue; else first come first served.</param>
    /// <param name="each">Requests that each sends; without end when left out.</param>
    public FairnessRun(VirtualServer server, Sender[] senders, int seed, bool fair = true, int each = int.MaxValue)
    {
        _server = server;
        _senders = senders;
        // One each: the lengths of a tenant's requests do not depend on the order in which they are served.
        _random = [.. senders.Select((_, i) => new Random(seed * 100 + i))];
        _fair = fair;
        _waiting = new int[senders.Length];
        _left = [.. senders.Select(_ => each)];
        Service = new double[senders.Length];
        Spread = new double[senders.Length, senders.Length];
        LongestWaitNs = new long[senders.Length];
    }

    /// <summary>Weighted service of each in tokens: input, and twice the output, by weight.</summary>
    public double[] Service { get; }

    /// <summary>For each two: the largest difference of their services over any interval in which both had something
    /// waiting all the while.</summary>
    public double[,] Spread { get; }

    public long[] LongestWaitNs { get; }

    public int Grants { get; private set; }

    /// <summary>Grants of each class while a batch request waited, in order; for the starvation bound.</summary>
    public List<PriorityClass> Order { get; } = [];

    /// <summary>Runs for so long, or until everything is served.</summary>
    /// <returns>Virtual nanoseconds until the last request was served.</returns>
    public long Run(TimeSpan span)
    {
        long endNs = span.Ticks * 100;
        var since = new double[_senders.Length, _senders.Length, 3];
        long now = 0;
        for (; now < endNs; now += QuantumNs)
        {
            Progress(now);
            Send(now, now / (double)endNs);
            Fill(now);
            Measure(since);
            if (_running.Count == 0 && _waiting.Sum() == 0 && _left.Sum() == 0)
            {
                break;
            }
        }

        return now;
    }

    /// <summary>Jain's index of fairness of the services of those who always had something waiting.</summary>
    public static double Jain(IEnumerable<double> services)
    {
        double[] x = [.. services];
        return x.Sum() * x.Sum() / (x.Length * x.Sum(v => v * v));
    }

    private void Progress(long now)
    {
        for (int i = _running.Count - 1; i >= 0; i--)
        {
            Job job = _running[i];
            int tokens = _server.TokensBy(job.Number, job.Output, now);
            Charge(job, 0, tokens - job.Produced);
            job.Produced = tokens;
            if (tokens >= job.Output)
            {
                _running.RemoveAt(i);
            }
        }
    }

    private void Send(long now, double at)
    {
        for (int i = 0; i < _senders.Length; i++)
        {
            Sender sender = _senders[i];
            bool active = at >= sender.ActiveShare && at <= sender.ActiveUntil
                && !(at >= sender.PauseFrom && at < sender.PauseUntil);
            while (active && _waiting[i] < sender.Waiting && _left[i] > 0)
            {
                _left[i]--;
                _waiting[i]++;
                var job = new Job(i, ++_number, 1 + _random[i].Next(sender.Prompt), 1 + _random[i].Next(sender.Output));
                ServiceCounter counter = _queue.CounterOf(sender.Name);
                counter.Weight = sender.Weight;
                job.Prepare(counter, sender.Class, _set, job.Prompt, long.MaxValue);
                job.SentNs = now;
                if (_fair)
                {
                    _queue.Enter(job, now);
                }
                else
                {
                    _inOrder.Enqueue(job);
                }
            }
        }
    }

    private void Fill(long now)
    {
        while (_running.Count < _server.Places)
        {
            Job? next = _fair ? (Job?)_queue.Peek("d0") : _inOrder.TryDequeue(out Job? first) ? first : null;
            if (next is null)
            {
                return;
            }

            if (_fair)
            {
                if (_queue.CountOf(PriorityClass.Batch) > 0)
                {
                    Order.Add(next.Class);
                }

                _queue.Grant(next, "d0");
            }

            Grants++;
            _waiting[next.Sender]--;
            LongestWaitNs[next.Sender] = Math.Max(LongestWaitNs[next.Sender], now - next.SentNs);
            Charge(next, next.Prompt, 0, counted: _fair);
            _server.Start(next.Number, next.Prompt, next.Output, now);
            _running.Add(next);
        }
    }

    /// <summary>What the tenant got; the queue counts the input itself when it grants.</summary>
    private void Charge(Job job, int input, int output, bool counted = false)
    {
        Service[job.Sender] += (input + 2 * output) / _senders[job.Sender].Weight;
        if (_fair && !counted)
        {
            job.Counter.Charge(input, output);
        }
    }

    private void Measure(double[,,] since)
    {
        for (int i = 0; i < _senders.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                double difference = Service[i] - Service[j];
                if (_waiting[i] == 0 || _waiting[j] == 0)
                {
                    since[i, j, 0] = 0;
                    continue;
                }

                if (since[i, j, 0] == 0)
                {
                    since[i, j, 0] = 1;
                    since[i, j, 1] = since[i, j, 2] = difference;
                }

                since[i, j, 1] = Math.Min(since[i, j, 1], difference);
                since[i, j, 2] = Math.Max(since[i, j, 2], difference);
                Spread[i, j] = Spread[j, i] = Math.Max(Spread[i, j], since[i, j, 2] - since[i, j, 1]);
            }
        }
    }

    private sealed class Job(int sender, long number, int prompt, int output) : QueueEntry
    {
        public int Sender { get; } = sender;

        public long Number { get; } = number;

        public int Prompt { get; } = prompt;

        public int Output { get; } = output;

        public int Produced { get; set; }

        public long SentNs { get; set; }
    }
}

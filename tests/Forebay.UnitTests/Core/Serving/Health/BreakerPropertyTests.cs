using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Time;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Health;

/// <summary>What holds of a deployment's health whatever happens to it, in random order.</summary>
public sealed class BreakerPropertyTests
{
    private const int Configured = 40;
    private static readonly HealthRulesConfig Rules = new() { RampSeconds = 5, MinRequests = 5 };
    private static readonly DeploymentHealthConfig Watch = new();

    [Fact]
    public void Bounds_hold_and_it_always_comes_back() => Prop.ForAll<int>(seed => new Run(seed).Holds())
        .Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    private sealed class Run(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly DeploymentState _state = new("d");
        private readonly List<long> _inside = [];
        private readonly HashSet<long> _trials = [];
        private long _now;

        public bool Holds()
        {
            for (int i = 0; i < 300; i++)
            {
                _now += _random.NextInt64(Instant.NsPerSecond);
                Step();
                Check();
            }

            return ComesBack();
        }

        private void Step()
        {
            switch (_random.Next(6))
            {
                case 0 or 1 or 2:
                    int places = _state.Places(Configured, _now);
                    bool gated = _state.Breaker.View(_now).State is BreakerState.Open or BreakerState.HalfOpen;
                    if (_state.TryEnter(places))
                    {
                        Require(places > _inside.Count, "entered past the places");
                        _inside.Add(_now);
                        if (gated)
                        {
                            _trials.Add(_now);
                        }
                    }

                    break;
                case 5 when _random.Next(4) == 0:
                    _state.Probed(_random.Next(2) == 0, _now, Watch, Rules, _random.NextDouble());
                    break;
                default:
                    EndOne();
                    break;
            }
        }

        private void EndOne()
        {
            if (_inside.Count == 0)
            {
                return;
            }

            int at = _random.Next(_inside.Count);
            long entered = _inside[at];
            _inside.RemoveAt(at);
            switch (_random.Next(4))
            {
                case 0:
                    _state.Succeeded(_random.Next(2) == 0, entered, _now, Configured, Rules);
                    break;
                case 1:
                    // The client's fault, or ours.
                    break;
                default:
                    var attempt = new FailedAttempt(
                        Reason.UpstreamCut,
                        (FailureKind)_random.Next(4),
                        entered,
                        _now,
                        _random.Next(4) == 0 ? TimeSpan.FromSeconds(_random.Next(200)) : null,
                        Configured,
                        _random.NextDouble());
                    OutCause cause = _state.FailedWith(attempt, Rules);
                    if (cause != OutCause.None && _random.Next(2) == 0)
                    {
                        _state.Breaker.TakeOut(cause, attempt.Reason, _now, attempt.Jitter, Rules);
                    }

                    break;
            }

            _state.Leave(entered);
            _trials.Remove(entered);
        }

        private void Check()
        {
            BreakerView view = _state.Breaker.View(_now);
            int places = _state.Places(Configured, _now);
            bool isOut = _state.IsOut(_now);
            Require(isOut == view.State is BreakerState.Open or BreakerState.Paused || !isOut, "out in another state");
            Require(_state.InFlight == _inside.Count, "in flight");
            Require(places is >= 0 and <= Configured, "places out of bounds");
            if (view.State is BreakerState.Closed or BreakerState.Recovering)
            {
                // Trials of this time out; what a later one lets in is counted anew.
                _trials.Clear();
            }

            Require(_state.Breaker.Trials <= Rules.TrialRequests, "too many trials");
            Require(_trials.Count <= Rules.TrialRequests, "too many let in while out");
            if (view.State is BreakerState.Open or BreakerState.HalfOpen or BreakerState.Paused)
            {
                Require(places <= _inside.Count + Rules.TrialRequests, "more than trials while out");
            }
            else
            {
                Require(places >= 1, "no place while it takes traffic");
            }

            if (isOut)
            {
                double longest = Math.Max(Rules.MaxOpenSeconds, Rules.AccountOpenSeconds);
                Require(view.UntilNs - _now <= longest * Instant.NsPerSecond, "out for too long");
            }
        }

        /// <summary>From any state: once it serves whatever it is given, it closes with all its places.</summary>
        private bool ComesBack()
        {
            while (_inside.Count > 0)
            {
                EndOne();
            }

            long given = _now + (long)((Rules.AccountOpenSeconds + Rules.RampSeconds + 700) * Instant.NsPerSecond);
            while (_state.Breaker.View(_now).State != BreakerState.Closed || _state.Places(Configured, _now) < Configured)
            {
                Require(_now < given, "stuck: " + _state.Breaker.View(_now) + " " + _state.Places(Configured, _now));
                int entered = 0;
                while (_state.TryEnter(_state.Places(Configured, _now)))
                {
                    entered++;
                }

                long began = _now;
                _now += Instant.NsPerSecond / 10;
                for (int i = 0; i < entered; i++)
                {
                    _state.FirstToken(100, began, _now, Configured, Rules);
                    _state.Succeeded(true, began, _now, Configured, Rules);
                    _state.Leave(began);
                }
            }

            return true;
        }

        private static void Require(bool holds, string what)
        {
            if (!holds)
            {
                throw new InvalidOperationException(what);
            }
        }
    }
}

using System.Collections.Immutable;
using Forebay.Core.Serving;

namespace Forebay.Control.Replicas;

/// <summary>Which replicas requests may reach. One that was taken out may be reached a moment longer, by a request that
/// was routed by the snapshot before; one whose publication failed may or may not be.</summary>
internal sealed class Routing(TimeSpan settling, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _outAt = new(StringComparer.Ordinal);
    private HashSet<string> _in = [];
    private string _key = "";

    /// <summary>Whether a request may reach a replica now.</summary>
    public bool MayReach(string id)
    {
        lock (_lock)
        {
            return _in.Contains(id) || (_outAt.TryGetValue(id, out long at) && time.GetElapsedTime(at) < settling);
        }
    }

    /// <summary>Puts the ready replicas in force where they are others than before.</summary>
    /// <param name="ready">Their deployments.</param>
    /// <param name="key">Says all that may change of them.</param>
    /// <param name="publish">Puts them in force.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task PublishAsync(
        ImmutableArray<DeploymentConfig> ready,
        string key,
        Func<ImmutableArray<DeploymentConfig>, CancellationToken, Task> publish,
        CancellationToken cancel)
    {
        HashSet<string> next = [.. ready.Select(d => d.Id)];
        lock (_lock)
        {
            if (key == _key)
            {
                return;
            }

            // From here on either may be in force, until it is known which.
            _in.UnionWith(next);
            _key = "unknown";
        }

        await publish(ready, cancel).ConfigureAwait(false);
        lock (_lock)
        {
            long now = time.GetTimestamp();
            foreach (string gone in _in.Except(next))
            {
                _outAt[gone] = now;
            }

            foreach ((string id, long at) in _outAt.ToArray())
            {
                if (time.GetElapsedTime(at) >= settling)
                {
                    _outAt.Remove(id);
                }
            }

            _in = next;
            _key = key;
        }
    }
}

using System.Collections.Concurrent;
using System.Text;
using Forebay.FunctionalTests.Server;

namespace Forebay.FunctionalTests.Placement;

/// <summary>Steady load of a few tenants on one server after another; every answer is checked when it comes.</summary>
internal sealed class JourneyLoad
{
    private const int CallersPerTenant = 2;

    private readonly ConcurrentDictionary<string, int> _served = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _wrong = new();
    private readonly IReadOnlyList<(string Name, string Key)> _tenants;
    private readonly int _seed;
    private Task _running = Task.CompletedTask;
    private volatile bool _stop;
    private volatile bool _mayBreak;

    public JourneyLoad(IReadOnlyList<(string Name, string Key)> tenants, int seed) => (_tenants, _seed) = (tenants, seed);

    /// <summary>Ids of requests that were answered whole.</summary>
    public ConcurrentBag<string> Answered { get; } = [];

    /// <summary>What was wrong with answers.</summary>
    public IReadOnlyCollection<string> Wrong => _wrong;

    /// <summary>Answers that a tenant got from a deployment whose id begins so.</summary>
    public int Served(string tenant, string deployment) => _served
        .Where(s => s.Key.StartsWith($"{tenant} {deployment}", StringComparison.Ordinal)).Sum(s => s.Value);

    /// <summary>Begins to call a server.</summary>
    public void Start(HttpClient api)
    {
        (_stop, _mayBreak) = (false, false);
        _running = Task.WhenAll(
            from tenant in _tenants
            from caller in Enumerable.Range(0, CallersPerTenant)
            select Task.Run(() => CallAsync(api, tenant.Name, tenant.Key, new Random(_seed + caller))));
    }

    /// <summary>Lets requests in flight finish.</summary>
    public async Task StopAsync()
    {
        _stop = true;
        await Eventually.Within(_running);
    }

    /// <summary>From now on the server may be gone.</summary>
    public void MayBreak() => _mayBreak = true;

    private async Task CallAsync(HttpClient api, string tenant, string key, Random random)
    {
        while (!_stop)
        {
            try
            {
                using HttpRequestMessage request = RequestOf(key, random);
                Answer answer = await api.AskAsync(request);
                Note(tenant, answer);
            }
            catch (HttpRequestException) when (_mayBreak)
            {
                // Killed.
                return;
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                _wrong.Enqueue($"{tenant}: {e.Message}");
                return;
            }
        }
    }

    /// <summary>A request of either dialect, streamed or not, with a prompt of its own, so that no cache draws it.
    /// </summary>
    private static HttpRequestMessage RequestOf(string key, Random random)
    {
        bool openAi = random.Next(2) == 0;
        string stream = random.Next(2) == 0 ? "true" : "false";
        string prompt = string.Join(' ', Enumerable.Range(0, random.Next(1, 200)).Select(_ => random.Next(100_000)));
        string body = $$"""{"model":"{{JourneyFleet.Model}}","max_tokens":{{random.Next(1, 24)}},"stream":{{stream}},"messages":[{"role":"user","content":"{{prompt}}"}]}""";
        var request = new HttpRequestMessage(HttpMethod.Post, openAi ? "/v1/chat/completions" : "/v1/messages")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("x-api-key", key);
        if (!openAi)
        {
            request.Headers.Add("anthropic-version", "2023-06-01");
        }

        return request;
    }

    private void Note(string tenant, Answer answer)
    {
        string deployment = answer.Headers.GetValueOrDefault("x-forebay-deployment", "");
        bool inEurope = deployment.Contains("beta", StringComparison.Ordinal);
        if (!answer.IsComplete)
        {
            if (!_mayBreak)
            {
                string why = answer.Headers.GetValueOrDefault("x-forebay-reason", "");
                _wrong.Enqueue($"{tenant}: {answer.Status} {why} at '{deployment}': {answer.Text}");
            }
        }
        else if ((tenant == "europe" && !inEurope) || (tenant == "states" && inEurope))
        {
            _wrong.Enqueue($"{tenant} was served by {deployment}, where its data may not be.");
        }
        else
        {
            _served.AddOrUpdate($"{tenant} {deployment}", 1, static (_, n) => n + 1);
            Answered.Add(answer.RequestId);
        }
    }
}

using Forebay.Core.Fleet;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>What must hold of a gateway once all is said and done, whatever it was put through.</summary>
internal static class GatewayHealth
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Everything taken was given back: no request in flight, no memory, no place at a deployment, and no
    /// accepted request without its usage record. An answer may reach the client just before that, so it is waited for.
    /// </summary>
    public static async Task IsIdleAsync(GatewayHarness gateway)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        long started = TimeProvider.System.GetTimestamp();
        while (What(gateway) is { Length: > 0 } busy)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Patience, "still held: " + busy);
            await tick.WaitForNextTickAsync();
        }
    }

    /// <summary>Idle, and a plain request is served as if nothing had happened.</summary>
    public static async Task ServesAsync(GatewayHarness gateway)
    {
        await IsIdleAsync(gateway);
        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));
        Assert.Contains("Hello there", await response.Content.ReadAsStringAsync());
        await IsIdleAsync(gateway);
    }

    private static string What(GatewayHarness gateway)
    {
        FleetState state = gateway.State;
        IEnumerable<string> held =
        [
            Held("requests in flight", gateway.Server.InFlight),
            Held("bytes", gateway.Server.MemoryUsedBytes),
            Held("requests waiting", state.Waiting),
            Held("accepted requests not settled", gateway.Journal.Open),
            .. state.Model.Deployments.Select(d => Held("places at " + d.Id, state.Of(d).InFlight)),
        ];
        return string.Join(", ", held.Where(h => h.Length > 0));
    }

    private static string Held(string what, long count) => count == 0 ? "" : $"{count} {what}";
}

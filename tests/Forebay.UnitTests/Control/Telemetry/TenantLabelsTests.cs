using System.Collections.Concurrent;
using Forebay.Control.Telemetry;
using Xunit;

namespace Forebay.UnitTests.Control.Telemetry;

public sealed class TenantLabelsTests
{
    [Fact]
    public void The_first_tenants_keep_their_names_and_the_rest_share_one()
    {
        var labels = new TenantLabels(2);

        Assert.Equal(["a", "b", "other", "a", "b"], new[] { "a", "b", "c", "a", "b" }.Select(labels.Of));
    }

    [Fact]
    public void Racing_callers_never_pass_the_bound()
    {
        var labels = new TenantLabels(10);
        var seen = new ConcurrentDictionary<string, bool>();

        Parallel.For(0, 50_000, i => seen.TryAdd(labels.Of($"t{i % 40}"), true));

        seen.TryRemove(TenantLabels.Other, out _);
        Assert.InRange(seen.Count, 1, 10);
    }

    [Fact]
    public void Zero_names_nobody() => Assert.Equal("other", new TenantLabels(0).Of("a"));
}

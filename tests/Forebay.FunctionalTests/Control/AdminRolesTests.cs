using System.Net;
using Forebay.Core.Access;
using Xunit;

namespace Forebay.FunctionalTests.Control;

/// <summary>Every route with every role, over the wire, against a table of its own.</summary>
public sealed class AdminRolesTests
{
    private const AdminRole Viewer = AdminRole.Viewer;
    private const AdminRole Operator = AdminRole.Operator;
    private const AdminRole Admin = AdminRole.Admin;

    private static readonly (string Method, string Path, AdminRole? Role)[] Expected =
    [
        ("GET", "/livez", null),
        ("GET", "/readyz", null),
        ("GET", "/metrics", Viewer),
        ("GET", "/v1/status", Viewer),
        ("GET", "/v1/errors", Viewer),
        ("GET", "/v1/keys", Viewer),
        ("POST", "/v1/keys", Operator),
        ("POST", "/v1/keys/{id}/rotate", Operator),
        ("POST", "/v1/keys/{id}/revoke", Operator),
        ("GET", "/v1/tokens", Viewer),
        ("POST", "/v1/tokens", Admin),
        ("POST", "/v1/tokens/{id}/revoke", Admin),
        ("GET", "/v1/tenants/{id}/limits", Viewer),
        ("GET", "/v1/tenants/{id}/limits/history", Viewer),
        ("GET", "/v1/batches", Viewer),
        ("GET", "/v1/batches/{id}", Viewer),
        ("POST", "/v1/batches/{id}/cancel", Operator),
        ("GET", "/v1/limits/following", Viewer),
        ("GET", "/v1/limits/proposals", Viewer),
        ("POST", "/v1/limits/proposals", Operator),
        ("POST", "/v1/limits/proposals/{id}/apply", Operator),
        ("GET", "/v1/limits/versions", Viewer),
        ("POST", "/v1/limits/rollback", Operator),
        ("GET", "/v1/concentration", Viewer),
        ("GET", "/v1/placement", Viewer),
        ("GET", "/v1/provider-register", Viewer),
        ("GET", "/v1/usage", Viewer),
        ("GET", "/v1/models/{id}/export", Viewer),
        ("POST", "/v1/models/{id}/export", Operator),
        ("GET", "/v1/withdrawals", Viewer),
        ("POST", "/v1/withdrawals", Operator),
        ("GET", "/v1/withdrawals/{id}", Viewer),
        ("POST", "/v1/withdrawals/{id}/return", Operator),
        ("GET", "/v1/models/{id}/curve", Viewer),
        ("GET", "/v1/rollouts", Viewer),
        ("GET", "/v1/models/{id}/rollout", Viewer),
        ("POST", "/v1/models/{id}/rollout", Operator),
        ("POST", "/v1/models/{id}/rollout/pause", Operator),
        ("POST", "/v1/models/{id}/rollout/resume", Operator),
        ("POST", "/v1/models/{id}/rollout/rollback", Operator),
        ("GET", "/v1/replicas", Viewer),
        ("GET", "/v1/replicas/{id}", Viewer),
        ("GET", "/v1/replicas/{id}/logs", Operator),
        ("POST", "/v1/replicas/{id}/stop", Operator),
        ("POST", "/v1/replicas/{id}/restart", Operator),
        ("GET", "/v1/providers", Viewer),
        ("POST", "/v1/providers", Operator),
        ("GET", "/v1/providers/{id}", Viewer),
        ("POST", "/v1/providers/{id}/sign", Operator),
        ("POST", "/v1/providers/{id}/connect", Operator),
        ("POST", "/v1/providers/{id}/accept", Operator),
        ("POST", "/v1/providers/{id}/drain", Operator),
        ("POST", "/v1/providers/{id}/exit", Operator),
        ("GET", "/v1/capacity", Viewer),
        ("GET", "/v1/capacity/leases", Viewer),
        ("GET", "/v1/capacity/hours", Viewer),
        ("POST", "/v1/capacity/evidence", Operator),
        ("POST", "/v1/capacity/reconcile", Viewer),
        ("GET", "/v1/explain", Viewer),
        ("GET", "/v1/explain/{id}", Viewer),
        ("POST", "/v1/explain/tenants/{id}", Operator),
        ("GET", "/v1/audit/residency", Viewer),
        ("GET", "/v1/audit", Viewer),
        ("GET", "/v1/audit/verify", Viewer),
        ("POST", "/v1/reload", Operator),
        ("POST", "/v1/backup", Admin),
    ];

    [Fact]
    public async Task Each_route_takes_the_roles_it_should_and_no_others()
    {
        await using AdminHarness admin = await AdminHarness.StartAsync(new() { LocalMetricsWithoutToken = false });
        foreach ((string method, string path, AdminRole? needed) in Expected)
        {
            foreach (AdminRole? role in (AdminRole?[])[null, Viewer, Operator, Admin])
            {
                using HttpResponseMessage response = await admin.SendAsync(
                    new HttpMethod(method), path.Replace("{id}", "missing"), role);

                bool refused = response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden;
                HttpStatusCode? expected = needed is null || role >= needed ? null
                    : role is null ? HttpStatusCode.Unauthorized : HttpStatusCode.Forbidden;
                Assert.True(
                    expected is null ? !refused : response.StatusCode == expected,
                    $"{method} {path} as {role}: {response.StatusCode}");
                if (expected == HttpStatusCode.Forbidden)
                {
                    Assert.Contains(
                        $"needs the role {needed.ToString()!.ToLowerInvariant()}",
                        await response.Content.ReadAsStringAsync());
                }
            }
        }
    }

    [Fact]
    public async Task The_table_here_and_the_reference_name_every_route_of_the_server()
    {
        await using AdminHarness admin = await AdminHarness.StartAsync();
        string reference = await File.ReadAllTextAsync(
            Path.Combine(TestKit.SharedFiles.RepositoryRoot, "docs", "reference", "admin-api.md"));

        var offered = admin.Server.Routes.Select(r => (r.Method, r.Pattern, r.Role)).ToHashSet();

        Assert.Equal(Expected.ToHashSet(), offered);
        Assert.All(offered, r => Assert.Contains(
            $"| `{r.Method} {r.Pattern}` | {r.Role?.ToString().ToLowerInvariant() ?? "none"} |",
            reference,
            StringComparison.Ordinal));
    }
}

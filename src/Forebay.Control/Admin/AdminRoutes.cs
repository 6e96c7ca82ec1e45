using Forebay.Control.Admin.Endpoints;

namespace Forebay.Control.Admin;

/// <summary>The one table of what the admin API offers and who may use it.</summary>
internal static class AdminRoutes
{
    public static IReadOnlyList<AdminRoute> Table(AdminServices services)
    {
        var health = new HealthEndpoints(services);
        var status = new StatusEndpoints(services, health);
        var keys = new KeyEndpoints(services);
        var tokens = new TokenEndpoints(services);
        var records = new RecordEndpoints(services);
        var limits = new LimitEndpoints(services);
        var operations = new OperationEndpoints(services);
        var explain = new ExplainEndpoints(services);
        var permission = new PermissionEndpoints(services);
        var curves = new CurveEndpoints(services);
        var batches = new BatchEndpoints(services);
        return
        [
            new("GET", "/livez", RouteAccess.Everybody, HealthEndpoints.LiveAsync),
            new("GET", "/readyz", RouteAccess.Everybody, health.ReadyAsync),
            new("GET", "/metrics", RouteAccess.ViewerOrLocal, operations.MetricsAsync),
            new("GET", "/v1/status", RouteAccess.Viewer, status.StatusAsync),
            new("GET", "/v1/errors", RouteAccess.Viewer, StatusEndpoints.ErrorsAsync),
            new("GET", "/v1/keys", RouteAccess.Viewer, keys.ListAsync),
            new("POST", "/v1/keys", RouteAccess.Operator, keys.CreateAsync),
            new("POST", "/v1/keys/{id}/rotate", RouteAccess.Operator, keys.RotateAsync),
            new("POST", "/v1/keys/{id}/revoke", RouteAccess.Operator, keys.RevokeAsync),
            new("GET", "/v1/tokens", RouteAccess.Viewer, tokens.ListAsync),
            new("POST", "/v1/tokens", RouteAccess.Admin, tokens.CreateAsync),
            new("POST", "/v1/tokens/{id}/revoke", RouteAccess.Admin, tokens.RevokeAsync),
            new("GET", "/v1/tenants/{id}/limits", RouteAccess.Viewer, limits.ShowAsync),
            new("GET", "/v1/tenants/{id}/limits/history", RouteAccess.Viewer, limits.HistoryAsync),
            new("GET", "/v1/usage", RouteAccess.Viewer, records.UsageAsync),
            new("GET", "/v1/models/{id}/export", RouteAccess.Viewer, permission.ShowExportAsync),
            new("POST", "/v1/models/{id}/export", RouteAccess.Operator, permission.ChangeExportAsync),
            new("GET", "/v1/models/{id}/curve", RouteAccess.Viewer, curves.ShowAsync),
            new("GET", "/v1/explain", RouteAccess.Viewer, explain.ListAsync),
            new("GET", "/v1/explain/{id}", RouteAccess.Viewer, explain.OneAsync),
            new("POST", "/v1/explain/tenants/{id}", RouteAccess.Operator, explain.WatchAsync),
            new("GET", "/v1/batches", RouteAccess.Viewer, batches.ListAsync),
            new("GET", "/v1/batches/{id}", RouteAccess.Viewer, batches.ShowAsync),
            new("POST", "/v1/batches/{id}/cancel", RouteAccess.Operator, batches.CancelAsync),
            .. Capacity(services),
            new("GET", "/v1/audit/residency", RouteAccess.Viewer, permission.ResidencyAsync),
            new("GET", "/v1/audit", RouteAccess.Viewer, records.AuditAsync),
            new("GET", "/v1/audit/verify", RouteAccess.Viewer, records.VerifyAsync),
            new("POST", "/v1/reload", RouteAccess.Operator, operations.ReloadAsync),
            new("POST", "/v1/backup", RouteAccess.Admin, operations.BackupAsync),
        ];
    }

    /// <summary>Capacity: partners and the ledger, replicas and versions, what leaves, what limits follow from it.
    /// </summary>
    private static IReadOnlyList<AdminRoute> Capacity(AdminServices services)
    {
        var partners = new PartnerEndpoints(services);
        var capacity = new CapacityEndpoints(services);
        var withdrawals = new WithdrawalEndpoints(services);
        var replicas = new ReplicaEndpoints(services);
        var rollouts = new RolloutEndpoints(services);
        var concentration = new ConcentrationEndpoints(services);
        var following = new FollowingEndpoints(services);
        var placement = new PlacementEndpoints(services);
        var register = new RegisterEndpoints(services);
        return
        [
            new("GET", "/v1/providers", RouteAccess.Viewer, partners.ListAsync),
            new("POST", "/v1/providers", RouteAccess.Operator, partners.OnboardAsync),
            new("GET", "/v1/providers/{id}", RouteAccess.Viewer, partners.ShowAsync),
            new("POST", "/v1/providers/{id}/sign", RouteAccess.Operator, partners.SignAsync),
            new("POST", "/v1/providers/{id}/connect", RouteAccess.Operator, partners.ConnectAsync),
            new("POST", "/v1/providers/{id}/accept", RouteAccess.Operator, partners.AcceptAsync),
            new("POST", "/v1/providers/{id}/drain", RouteAccess.Operator, partners.DrainAsync),
            new("POST", "/v1/providers/{id}/exit", RouteAccess.Operator, partners.ExitAsync),
            new("GET", "/v1/provider-register", RouteAccess.Viewer, register.ShowAsync),
            new("GET", "/v1/placement", RouteAccess.Viewer, placement.ShowAsync),
            new("GET", "/v1/capacity", RouteAccess.Viewer, capacity.ShowAsync),
            new("GET", "/v1/capacity/leases", RouteAccess.Viewer, capacity.LeasesAsync),
            new("GET", "/v1/capacity/hours", RouteAccess.Viewer, capacity.HoursAsync),
            new("POST", "/v1/capacity/evidence", RouteAccess.Operator, capacity.EvidenceAsync),
            new("POST", "/v1/capacity/reconcile", RouteAccess.Viewer, capacity.ReconcileAsync),
            new("GET", "/v1/limits/following", RouteAccess.Viewer, following.ShowAsync),
            new("GET", "/v1/limits/proposals", RouteAccess.Viewer, following.ListAsync),
            new("POST", "/v1/limits/proposals", RouteAccess.Operator, following.ProposeAsync),
            new("POST", "/v1/limits/proposals/{id}/apply", RouteAccess.Operator, following.ApplyAsync),
            new("GET", "/v1/limits/versions", RouteAccess.Viewer, following.VersionsAsync),
            new("POST", "/v1/limits/rollback", RouteAccess.Operator, following.RollbackAsync),
            new("GET", "/v1/concentration", RouteAccess.Viewer, concentration.ShowAsync),
            new("GET", "/v1/rollouts", RouteAccess.Viewer, rollouts.ListAsync),
            new("GET", "/v1/models/{id}/rollout", RouteAccess.Viewer, rollouts.ShowAsync),
            new("POST", "/v1/models/{id}/rollout", RouteAccess.Operator, rollouts.StartAsync),
            new("POST", "/v1/models/{id}/rollout/pause", RouteAccess.Operator, rollouts.PauseAsync),
            new("POST", "/v1/models/{id}/rollout/resume", RouteAccess.Operator, rollouts.ResumeAsync),
            new("POST", "/v1/models/{id}/rollout/rollback", RouteAccess.Operator, rollouts.RollBackAsync),
            new("GET", "/v1/replicas", RouteAccess.Viewer, replicas.ListAsync),
            new("GET", "/v1/replicas/{id}", RouteAccess.Viewer, replicas.OneAsync),
            new("GET", "/v1/replicas/{id}/logs", RouteAccess.Operator, replicas.LogsAsync),
            new("POST", "/v1/replicas/{id}/stop", RouteAccess.Operator, replicas.StopAsync),
            new("POST", "/v1/replicas/{id}/restart", RouteAccess.Operator, replicas.RestartAsync),
            new("GET", "/v1/withdrawals", RouteAccess.Viewer, withdrawals.ListAsync),
            new("POST", "/v1/withdrawals", RouteAccess.Operator, withdrawals.AskAsync),
            new("GET", "/v1/withdrawals/{id}", RouteAccess.Viewer, withdrawals.OneAsync),
            new("POST", "/v1/withdrawals/{id}/return", RouteAccess.Operator, withdrawals.ReturnAsync),
        ];
    }
}

using Forebay.Control.Admin.Contract;
using Forebay.Control.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>What a tenant's limits are, what is left of them, which one binds, and what changed when.</summary>
internal sealed class LimitEndpoints(AdminServices services)
{
    private const int MostChanges = 1000;
    private const int UsualChanges = 50;

    public async Task ShowAsync(AdminCall call)
    {
        new QueryFields(call.Http.Request.Query).Done();
        Tenant tenant = services.Fleet.Model.FindTenant(call.Id) ?? throw NoSuchTenant(call.Id);
        IReadOnlyList<LimitChange> changes = await services.LimitHistory
            .ReadAsync(tenant.Id, UsualChanges, call.Cancel).ConfigureAwait(false);
        var view = TenantLimitsView.Of(
            services.Fleet, tenant, Instant.From(services.Time), changes);
        await call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.TenantLimitsView).ConfigureAwait(false);
    }

    /// <summary>Also of a tenant that is gone: its history stays.</summary>
    public async Task HistoryAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        long limit = fields.Number("limit", UsualChanges, 1, MostChanges);
        fields.Done();
        IReadOnlyList<LimitChange> changes = await services.LimitHistory
            .ReadAsync(call.Id, (int)limit, call.Cancel).ConfigureAwait(false);
        if (changes.Count == 0 && services.Fleet.Model.FindTenant(call.Id) is null)
        {
            throw NoSuchTenant(call.Id);
        }

        var view = new LimitHistoryView(call.Id, changes);
        await call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.LimitHistoryView).ConfigureAwait(false);
    }

    private static RefusedException NoSuchTenant(string id) => new(
        RefusalKind.NotFound,
        $"There is no tenant {(id.Length <= 64 ? id : id[..64])}. The fleet file's tenants section lists them.");
}

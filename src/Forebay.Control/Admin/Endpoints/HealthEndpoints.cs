using Forebay.Control.Admin.Contract;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>Health, for whoever starts and balances the server.</summary>
internal sealed class HealthEndpoints(AdminServices services)
{
    private readonly ReadinessCondition[] _conditions =
    [
        new("draining", () => services.Fleet.Draining ? "The server was told to stop." : null),
        new("fleet", () => services.Fleet.Model.Models.IsEmpty ? "No fleet with a model is loaded." : null),
        new("journal", () => services.Journal.Writable
            ? null
            : "Usage cannot be recorded, so nothing is admitted; check the data directory's disk."),
        .. services.Readiness,
    ];

    public static Task LiveAsync(AdminCall call) =>
        call.ReplyAsync(StatusCodes.Status200OK, new LiveView(true), AdminJson.Default.LiveView);

    public Task ReadyAsync(AdminCall call)
    {
        List<FailingConditionView> failing = Failing();
        return call.ReplyAsync(
            failing.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable,
            new ReadyView(failing.Count == 0, failing),
            AdminJson.Default.ReadyView);
    }

    public List<FailingConditionView> Failing() =>
    [
        .. _conditions
            .Select(c => (c.Name, Detail: c.Failing()))
            .Where(c => c.Detail is not null)
            .Select(c => new FailingConditionView(c.Name, c.Detail!)),
    ];
}

using Forebay.Control.Admin.Contract;
using Forebay.Control.Partners;
using Forebay.Core.Capacity.Partners;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>Partners and the steps of their lives.</summary>
internal sealed class PartnerEndpoints(AdminServices services)
{
    private PartnerService Partners => services.Partners;

    public Task ListAsync(AdminCall call) => call.ReplyAsync(
        StatusCodes.Status200OK,
        new PartnerListView([.. Partners.Partners.Select(p => PartnerViews.Of(p))]),
        AdminJson.Default.PartnerListView);

    public async Task ShowAsync(AdminCall call)
    {
        Partner partner = Partners.Find(call.Id);
        IReadOnlyList<PartnerEvent> history =
            await Partners.HistoryAsync(call.Id, call.Cancel).ConfigureAwait(false);
        await call.ReplyAsync(
            StatusCodes.Status200OK, PartnerViews.Of(partner, history), AdminJson.Default.PartnerView)
            .ConfigureAwait(false);
    }

    public async Task OnboardAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        string file = body.Text("file", "id: east\\n...");
        string name = body.Text("name", "onboard-east.yaml");
        string? contract = body.OptionalText("contract", "MSA 7");
        body.Done();
        PartnerWalk walk = await Partners.OnboardAsync(file, name, contract, call.Actor, call.Cancel)
            .ConfigureAwait(false);
        var view = new OnboardView(
            walk.Partner is null ? null : PartnerViews.Of(walk.Partner),
            walk.Partner is null ? null : walk.WaitsFor,
            [.. walk.Problems.Select(p => new FileProblemView(p.Path, p.Line, p.Message, p.Fix))]);
        await call.ReplyAsync(
            walk.Partner is null ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status200OK,
            view,
            AdminJson.Default.OnboardView).ConfigureAwait(false);
    }

    public async Task SignAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        string? contract = body.OptionalText("contract", "MSA 7");
        body.Done();
        await ReplyAsync(call, Partners.SignAsync(call.Id, contract, call.Actor, call.Cancel)).ConfigureAwait(false);
    }

    public Task ConnectAsync(AdminCall call) => StepAsync(call, Partners.ConnectAsync);

    public Task AcceptAsync(AdminCall call) => StepAsync(call, Partners.AcceptAsync);

    public Task DrainAsync(AdminCall call) => StepAsync(call, Partners.DrainAsync);

    public Task ExitAsync(AdminCall call) => StepAsync(call, Partners.ExitAsync);

    private static async Task StepAsync(AdminCall call, Func<string, string, CancellationToken, Task<Partner>> step)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        body.Done();
        await ReplyAsync(call, step(call.Id, call.Actor, call.Cancel)).ConfigureAwait(false);
    }

    private static async Task ReplyAsync(AdminCall call, Task<Partner> step) => await call.ReplyAsync(
        StatusCodes.Status200OK,
        PartnerViews.Of(await step.ConfigureAwait(false)),
        AdminJson.Default.PartnerView).ConfigureAwait(false);
}

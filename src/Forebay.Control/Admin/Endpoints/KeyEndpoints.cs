using Forebay.Control.Access;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Access;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>API keys.</summary>
internal sealed class KeyEndpoints(AdminServices services)
{
    public async Task ListAsync(AdminCall call)
    {
        IReadOnlyList<ApiKey> keys = await services.Keys.ListAsync(call.Cancel).ConfigureAwait(false);
        var view = new KeyListView([.. keys.OrderBy(k => k.CreatedUnixMs).Select(ViewOf)]);
        await call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.KeyListView).ConfigureAwait(false);
    }

    public async Task CreateAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        var request = new KeyRequest(
            body.Text("tenant", "acme"),
            body.Text("name", "ci"),
            body.OptionalTexts("models", "a-model"),
            body.OptionalTime("expires"),
            body.OptionalText("data_class", "confidential"));
        body.Done(services.Keys.Check(request));
        IssuedKey issued = await services.Keys.CreateAsync(request, call.Actor, call.Cancel).ConfigureAwait(false);
        await IssuedAsync(call, issued).ConfigureAwait(false);
    }

    public async Task RotateAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        double? seconds = body.OptionalNumber("overlap_seconds", KeyService.DefaultOverlap.TotalSeconds);
        body.Done();
        TimeSpan overlap = seconds is { } s
            ? TimeSpan.FromSeconds(Math.Clamp(s, -1, 2 * KeyService.MaxOverlap.TotalSeconds))
            : KeyService.DefaultOverlap;
        IssuedKey issued = await services.Keys.RotateAsync(call.Id, overlap, call.Actor, call.Cancel)
            .ConfigureAwait(false);
        await IssuedAsync(call, issued).ConfigureAwait(false);
    }

    public async Task RevokeAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        body.Done();
        ApiKey key = await services.Keys.RevokeAsync(call.Id, call.Actor, call.Cancel).ConfigureAwait(false);
        await call.ReplyAsync(StatusCodes.Status200OK, ViewOf(key), AdminJson.Default.KeyView).ConfigureAwait(false);
    }

    private Task IssuedAsync(AdminCall call, IssuedKey issued) => call.ReplyAsync(
        StatusCodes.Status201Created,
        new IssuedKeyView(ViewOf(issued.Key), issued.Secret, issued.Replaced is { } old ? ViewOf(old) : null),
        AdminJson.Default.IssuedKeyView);

    private KeyView ViewOf(ApiKey key) => new(
        key.Id,
        key.Tenant,
        key.Name,
        key.Hint,
        AccessStates.NameOf(key.ExpiresUnixMs, key.RevokedUnixMs, services.Time),
        DateTimeOffset.FromUnixTimeMilliseconds(key.CreatedUnixMs),
        AccessStates.TimeOf(key.ExpiresUnixMs),
        AccessStates.TimeOf(key.RevokedUnixMs),
        key.Models,
        key.DataClass);
}

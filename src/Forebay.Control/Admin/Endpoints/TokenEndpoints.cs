using Forebay.Control.Access;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Access;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>Tokens of this API.</summary>
internal sealed class TokenEndpoints(AdminServices services)
{
    public Task ListAsync(AdminCall call) => call.ReplyAsync(
        StatusCodes.Status200OK,
        new TokenListView([.. services.Tokens.List().OrderBy(t => t.CreatedUnixMs).Select(ViewOf)]),
        AdminJson.Default.TokenListView);

    public async Task CreateAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        string name = body.Text("name", "dashboard");
        string roleName = body.Text("role", "viewer");
        DateTimeOffset? expires = body.OptionalTime("expires");
        if (!Roles.TryParse(roleName, out AdminRole role) && roleName.Length > 0)
        {
            body.Add("role", "is not a role.", $"Send one of {string.Join(", ", Roles.Names)}.");
        }

        body.Done(services.Tokens.Check(name, expires));
        IssuedToken issued = await services.Tokens
            .CreateAsync(name, role, expires, call.Actor, call.Cancel)
            .ConfigureAwait(false);
        await call.ReplyAsync(
            StatusCodes.Status201Created,
            new IssuedTokenView(ViewOf(issued.Token), issued.Secret),
            AdminJson.Default.IssuedTokenView).ConfigureAwait(false);
    }

    public async Task RevokeAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        body.Done();
        AdminToken token = await services.Tokens.RevokeAsync(call.Id, call.Actor, call.Cancel).ConfigureAwait(false);
        await call.ReplyAsync(StatusCodes.Status200OK, ViewOf(token), AdminJson.Default.TokenView)
            .ConfigureAwait(false);
    }

    private TokenView ViewOf(AdminToken token) => new(
        token.Id,
        token.Name,
        Roles.NameOf(token.Role),
        token.Hint,
        AccessStates.NameOf(token.ExpiresUnixMs, token.RevokedUnixMs, services.Time),
        DateTimeOffset.FromUnixTimeMilliseconds(token.CreatedUnixMs),
        AccessStates.TimeOf(token.ExpiresUnixMs),
        AccessStates.TimeOf(token.RevokedUnixMs));
}

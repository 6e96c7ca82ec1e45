using System.CommandLine;
using Forebay.Commands.Connection;
using Forebay.Control.Access;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay token</c>: tokens of the admin API.</summary>
public static class TokenCommand
{
    private static readonly Column[] Columns =
        [new("ID"), new("NAME"), new("ROLE"), new("HINT"), new("STATE"), new("CREATED"), new("EXPIRES")];

    public static Command Create() => new("token", "Tokens of the admin API.")
    {
        CreateCreate(),
        CreateList(),
        CreateRevoke(),
    };

    private static Command CreateCreate()
    {
        Option<string> name = new("--name") { Description = "What it is for, such as dashboard.", Required = true };
        Option<string> role = new("--role")
        {
            Description = "viewer reads; operator also reloads and manages keys; admin also manages tokens and " +
                "backups.",
            Required = true,
        };
        role.AcceptOnlyFromAmong([.. Roles.Names]);
        Option<DateTimeOffset?> expires = TimeArguments.Moment(
            "--expires", "When it stops working: a day, a time, or a length of time ahead such as 90d.", back: false);
        var command = new Command("create", "Create a token; its secret is shown once.") { name, role, expires };
        return AdminAction.On(command, async (session, cancel) =>
        {
            var body = new CreateTokenBody(
                session.Required(name), session.Required(role), session.Parse.GetValue(expires));
            IssuedTokenView issued = await session.Client.CreateTokenAsync(body, cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(issued, AdminJson.Default.IssuedTokenView);
                return 0;
            }

            session.Output.Pairs(
                ("token", issued.Secret),
                ("id", issued.Token.Id),
                ("name", issued.Token.Name),
                ("role", issued.Token.Role),
                ("expires", Time(issued.Token.Expires)));
            session.Output.Line("The token is not shown again. Send it as Authorization: Bearer.");
            return 0;
        });
    }

    private static Command CreateList() => AdminAction.On(
        new Command("list", "List tokens, without their secrets."),
        async (session, cancel) =>
        {
            TokenListView list = await session.Client.TokensAsync(cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(list, AdminJson.Default.TokenListView);
            }
            else
            {
                session.Output.Table(Columns, [.. list.Tokens.Select(RowOf)]);
            }

            return 0;
        });

    private static Command CreateRevoke()
    {
        Argument<string> id = new("ID") { Description = "Id of the token, such as tok_7f3a..." };
        return AdminAction.On(new Command("revoke", "Stop a token at once.") { id }, async (session, cancel) =>
        {
            TokenView token = await session.Client.RevokeTokenAsync(session.Parse.GetRequiredValue(id), cancel)
                .ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(token, AdminJson.Default.TokenView);
            }
            else
            {
                session.Output.Line($"Revoked {token.Id} ({token.Name}).");
            }

            return 0;
        });
    }

    private static string[] RowOf(TokenView token) =>
    [
        token.Id,
        token.Name,
        token.Role,
        token.Hint + "...",
        token.State,
        TimeText.Of(token.Created),
        Time(token.Expires),
    ];

    private static string Time(DateTimeOffset? time) => time is { } t ? TimeText.Of(t) : "never";
}

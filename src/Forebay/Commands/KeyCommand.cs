using System.CommandLine;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay key</c>: the API keys that clients send.</summary>
public static class KeyCommand
{
    private static readonly Column[] Columns =
    [
        new("ID"), new("TENANT"), new("NAME"), new("HINT"), new("STATE"), new("CREATED"), new("EXPIRES"), new("MODELS"),
    ];

    public static Command Create() => new("key", "API keys that clients send.")
    {
        CreateCreate(),
        CreateList(),
        CreateRotate(),
        CreateRevoke(),
    };

    private static Command CreateCreate()
    {
        Option<string> tenant = new("--tenant") { Description = "The tenant it is for.", Required = true };
        Option<string> name = new("--name") { Description = "What it is for, such as ci.", Required = true };
        Option<string[]> models = new("--model")
        {
            Description = "A model it may use; repeat for more. All that the tenant may when left out.",
        };
        Option<string?> dataClass = new("--data-class")
        {
            Description = "The data class that all its requests belong to; none when left out.",
        };
        Option<DateTimeOffset?> expires = TimeArguments.Moment(
            "--expires", "When it stops working: a day, a time, or a length of time ahead such as 90d.", back: false);
        var command = new Command("create", "Create a key; its secret is shown once.")
        {
            tenant, name, models, dataClass, expires,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            string[]? named = session.Parse.GetValue(models);
            var body = new CreateKeyBody(
                session.Required(tenant),
                session.Required(name),
                named is { Length: > 0 } ? named : null,
                session.Parse.GetValue(expires),
                session.Parse.GetValue(dataClass));
            return Show(session, await session.Client.CreateKeyAsync(body, cancel).ConfigureAwait(false));
        });
    }

    private static Command CreateList() => AdminAction.On(
        new Command("list", "List keys, without their secrets."),
        async (session, cancel) =>
        {
            KeyListView list = await session.Client.KeysAsync(cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(list, AdminJson.Default.KeyListView);
            }
            else
            {
                session.Output.Table(Columns, [.. list.Keys.Select(RowOf)]);
            }

            return 0;
        });

    private static Command CreateRotate()
    {
        Argument<string> id = new("ID") { Description = "Id of the key, such as key_7f3a..." };
        Option<TimeSpan?> overlap = TimeArguments.Duration(
            "--overlap", "How long the old key goes on working; 24h when left out, 0s to end it at once.");
        var command = new Command("rotate", "Replace a key by a new one; the old one goes on working for a while.")
        {
            id, overlap,
        };
        return AdminAction.On(command, async (session, cancel) => Show(
            session,
            await session.Client
                .RotateKeyAsync(session.Parse.GetRequiredValue(id), session.Parse.GetValue(overlap), cancel)
                .ConfigureAwait(false)));
    }

    private static Command CreateRevoke()
    {
        Argument<string> id = new("ID") { Description = "Id of the key." };
        return AdminAction.On(new Command("revoke", "Stop a key at once.") { id }, async (session, cancel) =>
        {
            KeyView key = await session.Client.RevokeKeyAsync(session.Parse.GetRequiredValue(id), cancel)
                .ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(key, AdminJson.Default.KeyView);
            }
            else
            {
                session.Output.Line($"Revoked {key.Id} ({key.Name}) of {key.Tenant}.");
            }

            return 0;
        });
    }

    private static int Show(AdminSession session, IssuedKeyView issued)
    {
        if (session.IsJson)
        {
            session.Output.Json(issued, AdminJson.Default.IssuedKeyView);
            return 0;
        }

        session.Output.Pairs(
            ("key", issued.Secret),
            ("id", issued.Key.Id),
            ("tenant", issued.Key.Tenant),
            ("name", issued.Key.Name),
            ("models", Models(issued.Key)),
            ("data class", issued.Key.DataClass ?? "none"),
            ("expires", Time(issued.Key.Expires)));
        if (issued.Replaced is { } old)
        {
            session.Output.Line($"{old.Id} goes on working until {Time(old.Expires)}.");
        }

        session.Output.Line("The key is not shown again. Clients send it as x-api-key or Authorization: Bearer.");
        return 0;
    }

    private static string[] RowOf(KeyView key) =>
    [
        key.Id,
        key.Tenant,
        key.Name,
        key.Hint + "...",
        key.State,
        TimeText.Of(key.Created),
        Time(key.Expires),
        Models(key),
    ];

    private static string Models(KeyView key) => key.Models is null ? "all" : string.Join(",", key.Models);

    private static string Time(DateTimeOffset? time) => time is { } t ? TimeText.Of(t) : "never";
}

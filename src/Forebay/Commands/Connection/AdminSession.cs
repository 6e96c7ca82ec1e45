using System.CommandLine;

namespace Forebay.Commands.Connection;

/// <summary>One run of a command that talks to a running server.</summary>
/// <param name="Parse">What the user typed.</param>
/// <param name="Client">The server.</param>
/// <param name="Output">Where to print.</param>
/// <param name="IsJson">Whether to print one line of JSON instead of text.</param>
public sealed record AdminSession(ParseResult Parse, AdminClient Client, CommandOutput Output, bool IsJson)
{
    /// <summary>Value of an option that the parser made sure is there.</summary>
    public T Required<T>(Option<T> option) => Parse.GetRequiredValue(option);
}

/// <summary>Gives a command the options that find a server, and runs it against that server.</summary>
internal static class AdminAction
{
    /// <summary>Exit status of a command that failed.</summary>
    public const int Failed = 1;

    /// <param name="command">The command.</param>
    /// <param name="run">What it does with the server.</param>
    /// <param name="json">Whether it takes <c>--json</c>.</param>
    /// <param name="apart">What it does without one; null where it needs one, this time or always.</param>
    public static Command On(
        Command command,
        Func<AdminSession, CancellationToken, Task<int>> run,
        bool json = true,
        Func<ParseResult, CancellationToken, Task<int>?>? apart = null)
    {
        Option<string?> data = DataLocation.CreateOption();
        Option<string?> url = new("--admin-url")
        {
            Description = $"Address of the admin API, for a server elsewhere. Else ${ServerLocator.UrlVariable}.",
            HelpName = "URL",
        };
        Option<string?> token = new("--admin-token")
        {
            Description = $"Admin token. Better set ${ServerLocator.TokenVariable}: command lines are visible to " +
                "others.",
            HelpName = "TOKEN",
        };
        Option<bool> asJson = new("--json") { Description = "Print one line of JSON." };
        command.Options.Add(data);
        command.Options.Add(url);
        command.Options.Add(token);
        if (json)
        {
            command.Options.Add(asJson);
        }

        command.SetAction((parse, cancel) => GuardAsync(parse, async () =>
        {
            if (apart?.Invoke(parse, cancel) is { } done)
            {
                return await done.ConfigureAwait(false);
            }

            AdminEndpoint endpoint = ServerLocator.Find(
                DataLocation.Resolve(parse.GetValue(data), Environment.GetEnvironmentVariable),
                parse.GetValue(url) ?? Variable(ServerLocator.UrlVariable),
                parse.GetValue(token) ?? Variable(ServerLocator.TokenVariable));
            using var client = new AdminClient(endpoint);
            var output = new CommandOutput(parse.InvocationConfiguration.Output);
            return await run(new AdminSession(parse, client, output, json && parse.GetValue(asJson)), cancel)
                .ConfigureAwait(false);
        }));
        return command;
    }

    /// <summary>A command that asks about, or does something to, the one thing whose id it is given, and shows what
    /// came of it.</summary>
    /// <param name="command">The command.</param>
    /// <param name="id">Its argument; added here.</param>
    /// <param name="ask">What it asks of the server.</param>
    /// <param name="show">Prints the answer.</param>
    public static Command OnOne<T>(
        Command command,
        Argument<string> id,
        Func<AdminClient, string, CancellationToken, Task<T>> ask,
        Func<AdminSession, T, int> show)
    {
        command.Arguments.Add(id);
        return On(command, async (session, cancel) => show(
            session, await ask(session.Client, session.Parse.GetRequiredValue(id), cancel).ConfigureAwait(false)));
    }

    /// <summary>Runs a command's work and turns what it cannot do into words on standard error.</summary>
    public static async Task<int> GuardAsync(ParseResult parse, Func<Task<int>> run)
    {
        try
        {
            return await run().ConfigureAwait(false);
        }
        catch (Exception e) when (e is CommandException or IOException or UnauthorizedAccessException)
        {
            await parse.InvocationConfiguration.Error.WriteLineAsync($"forebay: {e.Message}").ConfigureAwait(false);
            return Failed;
        }
    }

    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}

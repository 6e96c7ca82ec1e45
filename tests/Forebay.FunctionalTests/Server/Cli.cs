using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Forebay.Control.Admin.Contract;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>The commands, through the command tree, finding the running server by its data directory.</summary>
internal static class Cli
{
    public static async Task<Ended> RunAsync(string data, params string[] arguments)
    {
        var configuration = new InvocationConfiguration { Output = new StringWriter(), Error = new StringWriter() };
        int code = await Program.BuildRoot().Parse([.. arguments, "--data", data]).InvokeAsync(configuration);
        return new Ended(code, configuration.Output.ToString()!, configuration.Error.ToString()!);
    }

    /// <summary>Runs a command that must succeed and returns what it printed.</summary>
    public static async Task<string> OkAsync(string data, params string[] arguments)
    {
        Ended ended = await RunAsync(data, arguments);
        Assert.True(ended.Code == 0, ended.Errors + ended.Output);
        return ended.Output;
    }

    /// <summary>Runs a command with <c>--json</c> and reads its one line.</summary>
    public static async Task<T> JsonAsync<T>(string data, JsonTypeInfo<T> type, params string[] arguments)
    {
        string line = await OkAsync(data, [.. arguments, "--json"]);
        Assert.Single(line.TrimEnd('\n').Split('\n'));
        return JsonSerializer.Deserialize(line, type)!;
    }

    public static Task<StatusView> StatusAsync(string data) =>
        JsonAsync(data, AdminJson.Default.StatusView, "status");

    public static async Task<string> NewKeyAsync(string data, string tenant) =>
        (await NewKeyViewAsync(data, tenant)).Secret;

    public static Task<IssuedKeyView> NewKeyViewAsync(string data, string tenant, params string[] more) => JsonAsync(
        data, AdminJson.Default.IssuedKeyView, ["key", "create", "--tenant", tenant, "--name", "test", .. more]);
}

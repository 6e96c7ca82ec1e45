using System.CommandLine;
using Forebay.Serve;

namespace Forebay.Commands;

/// <summary><c>forebay up</c>: a pool that serves, from nothing.</summary>
public static class UpCommand
{
    public static Command Create()
    {
        var options = new ServeOptions(fileRequired: false, quiet: true);
        var timeScale = new Option<double>("--time-scale")
        {
            Description = "Speed of the emulated engines: 10 makes them ten times as fast as the chips they emulate.",
            DefaultValueFactory = _ => 1,
        };
        var upstream = new Option<string[]>("--upstream")
        {
            Description = "Add your own capacity: the URL of an OpenAI-compatible server (vLLM, SGLang, Ollama), or " +
                "anthropic or openai with the key in the environment. May be given several times.",
            HelpName = "URL|anthropic|openai",
            AllowMultipleArgumentsPerToken = false,
        };
        var tenant = new Option<string?>("--tenant")
        {
            Description = "Tenant that the fresh API key is made for; the fleet's first one when left out.",
            HelpName = "TENANT",
        };
        Command command = new ServingCommand(
            "up",
            "Start a pool: the example fleet on emulated engines, behind one API, with a fresh key. Nothing is spent.")
        {
            timeScale,
            upstream,
            tenant,
        };
        options.AddTo(command);
        command.SetAction((parsed, _) => options.RunAsync(parsed, settings => settings with
        {
            Emulate = true,
            TimeScale = parsed.GetValue(timeScale),
            Upstreams = parsed.GetValue(upstream) ?? [],
            MakeFreshKey = true,
            FreshKeyTenant = parsed.GetValue(tenant),
        }));
        return command;
    }
}

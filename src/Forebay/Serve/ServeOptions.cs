using System.CommandLine;
using Microsoft.Extensions.Logging;

namespace Forebay.Serve;

/// <summary>The options that <c>up</c> and <c>serve</c> share.</summary>
public sealed class ServeOptions
{
    private readonly Option<string?> _file;
    private readonly Option<string?> _data = DataLocation.CreateOption();
    private readonly Option<int?> _port = PortOption("--port", "Port for clients; 0 takes any free one.");
    private readonly Option<int?> _adminPort = PortOption(
        "--admin-port", "Port of the admin API; 0 takes any free one.");
    private readonly Option<double?> _drain = new("--drain-timeout")
    {
        Description = "Seconds that work in flight has to finish when the server is told to stop.",
    };

    private readonly Option<bool> _json = new("--json")
    {
        Description = "Print exactly one JSON line on standard output when ready.",
    };

    private readonly Option<string> _logFormat = new("--log-format")
    {
        Description = "Form of the logs on standard error: text or json.",
        DefaultValueFactory = _ => Console.IsErrorRedirected ? "json" : "text",
    };

    private readonly Option<LogLevel> _logLevel;

    /// <param name="fileRequired">Whether the fleet file must be named.</param>
    /// <param name="quiet">Whether only warnings are logged unless told otherwise.</param>
    public ServeOptions(bool fileRequired, bool quiet)
    {
        _logLevel = new Option<LogLevel>("--log-level")
        {
            Description = "Least severe log to write.",
            DefaultValueFactory = _ => quiet ? LogLevel.Warning : LogLevel.Information,
        };
        _file = new Option<string?>("--config", "-c")
        {
            Description = fileRequired
                ? "The fleet file."
                : "The fleet file; the built-in example fleet when left out.",
            HelpName = "forebay.yaml",
            Required = fileRequired,
        };
        _logFormat.AcceptOnlyFromAmong("text", "json");
        _drain.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double?>() is < 0 or > 86_400 or double.NaN)
            {
                result.AddError("--drain-timeout takes 0 to 86400 seconds.");
            }
        });
    }

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_file, _data, _port, _adminPort, _drain, _json, _logFormat, _logLevel])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Runs a server with these options until it is told to stop.</summary>
    public async Task<int> RunAsync(ParseResult parsed, Func<ServeSettings, ServeSettings> complete)
    {
        ServeSettings settings = complete(new ServeSettings
        {
            FleetFile = parsed.GetValue(_file),
            DataDirectory = DataLocation.ResolveForServer(parsed.GetValue(_data), Environment.GetEnvironmentVariable),
            Port = parsed.GetValue(_port),
            AdminPort = parsed.GetValue(_adminPort),
            DrainSeconds = parsed.GetValue(_drain),
        });
        bool json = parsed.GetValue(_json);
        TextWriter output = parsed.InvocationConfiguration.Output;
        using ILoggerFactory logs = ServeLogging.Create(parsed.GetValue(_logFormat)!, parsed.GetValue(_logLevel));
        return await ServerRun.RunAsync(
            settings,
            logs,
            server =>
            {
                output.WriteLine(json ? ReadyReport.Json(server) : ReadyReport.Text(server, settings.Emulate));
                output.Flush();
            },
            parsed.InvocationConfiguration.Error);
    }

    private static Option<int?> PortOption(string name, string description)
    {
        var option = new Option<int?>(name) { Description = description };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 0 or > 65_535)
            {
                result.AddError($"{name} takes a port from 0 to 65535.");
            }
        });
        return option;
    }
}

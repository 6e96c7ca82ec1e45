using System.CommandLine;
using System.Runtime.InteropServices;
using Forebay.Commands.Connection;
using Forebay.Demo;
using Forebay.Executors.Local;
using Forebay.Serve;
using Forebay.Storage;
using Microsoft.Extensions.Logging;

namespace Forebay.Commands;

/// <summary><c>forebay demo</c>: the product shown live, checked by itself.</summary>
public static class DemoCommand
{
    private const int UsualSeconds = 75;

    public static Command Create() => new("demo", "Demonstrations that run here and check themselves.")
    {
        CreateColossus(),
    };

    private static Command CreateColossus()
    {
        Option<double> seconds = new("--seconds")
        {
            Description = $"About how long it takes; more than {UsualSeconds} looks at each part for longer.",
            DefaultValueFactory = _ => UsualSeconds,
        };
        Option<bool> json = new("--json")
        {
            Description = "Print one line of JSON at the end; progress goes to standard error.",
        };
        Option<bool> keep = new("--keep") { Description = "Keep the data directory and the log, and say where." };
        seconds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is < UsualSeconds or > 3600 or double.NaN)
            {
                result.AddError($"--seconds takes {UsualSeconds} to 3600.");
            }
        });
        Command command = new ServingCommand(
            "colossus",
            "A provider comes in and limits rise; another is lost and nobody notices. Emulated, about a minute.")
        {
            seconds, json, keep,
        };
        command.SetAction((parsed, _) => RunAsync(
            parsed, parsed.GetValue(seconds) / UsualSeconds, parsed.GetValue(json), parsed.GetValue(keep)));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, double stretch, bool json, bool keep)
    {
        TextWriter output = parsed.InvocationConfiguration.Output;
        TextWriter error = parsed.InvocationConfiguration.Error;
        using var stop = new CancellationTokenSource();
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("forebay-demo-");
        var lines = new DemoLines(json ? error : output, TimeProvider.System);
        try
        {
            DemoReport report = await DemonstrateAsync(folder.FullName, stretch, lines, stop.Token);
            var shown = new CommandOutput(output);
            if (json)
            {
                shown.Json(report, DemoJson.Default.DemoReport);
            }
            else
            {
                DemoLines.Show(report, shown);
            }

            return report.Passed ? 0 : AdminAction.Failed;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            lines.Say("Stopped; nothing is left running.");
            return AdminAction.Failed;
        }
        catch (Exception e) when (e is CommandException or StartException or EngineStartException or StorageException
            or IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync($"forebay: {e.Message}");
            return AdminAction.Failed;
        }
        finally
        {
            if (keep)
            {
                lines.Say($"Kept: {folder.FullName}");
            }
            else
            {
                folder.Delete(recursive: true);
            }
        }
    }

    private static async Task<DemoReport> DemonstrateAsync(
        string folder, double stretch, DemoLines lines, CancellationToken cancel)
    {
        // What goes wrong while a provider is lost is meant to: the log is for whoever keeps it.
        using var log = new DemoLog(Path.Combine(folder, "server.log"));
        using ILoggerFactory logs = LoggerFactory.Create(builder =>
            builder.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning).AddProvider(log));
        await using var demo = new ColossusDemo(
            new ColossusOptions(folder, stretch), lines, TimeProvider.System, logs);
        return await demo.RunAsync(cancel);
    }
}

using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Emulator;

namespace Forebay.Commands;

/// <summary>
/// <c>forebay engine</c>: emulated inference engines over real HTTP. With <c>--spec -</c> a parent writes one line of
/// JSON to standard input, gets one line with the endpoints back, and ends the process by closing its end.
/// </summary>
public static class EngineCommand
{
    private static readonly Option<string?> Spec = new("--spec")
    {
        Description = "Read what to run from a JSON file, or from the first line of standard input (-), which then "
            + "ends the process when it closes.",
    };

    private static readonly Option<string> Model = new("--model")
    {
        Description = "Name under which the model is served.", DefaultValueFactory = _ => "emulated-70b",
    };

    private static readonly Option<string> Accelerator = new("--accelerator")
    {
        Description = "Chip type from the catalogue (docs/reference/accelerators.md).",
        DefaultValueFactory = _ => "H100-SXM",
    };

    private static readonly Option<int> AcceleratorsPerReplica = new("--accelerators-per-replica")
    {
        Description = "Chips that one copy of the model spans.", DefaultValueFactory = _ => 8,
    };

    private static readonly Option<decimal> ParametersBillion = new("--parameters-billion")
    {
        Description = "Size of the model.", DefaultValueFactory = _ => 70,
    };

    private static readonly Option<decimal?> ActiveParametersBillion = new("--active-parameters-billion")
    {
        Description = "Parameters active per token, for mixture-of-experts.",
    };

    private static readonly Option<double> BytesPerWeight = new("--bytes-per-weight")
    {
        Description = "2 for BF16, 1 for FP8, 0.5 for FP4.", DefaultValueFactory = _ => 1,
    };

    private static readonly Option<int> ContextTokens = new("--context-tokens")
    {
        Description = "Longest prompt plus answer.", DefaultValueFactory = _ => 131_072,
    };

    private static readonly Option<int> Replicas = new("--replicas")
    {
        Description = "Copies of the model.", DefaultValueFactory = _ => 1,
    };

    private static readonly Option<int> Port = new("--port")
    {
        Description = "Port on loopback; 0 for any free one.", DefaultValueFactory = _ => 8000,
    };

    private static readonly Option<double> TimeScale = new("--time-scale")
    {
        Description = "Seconds of the engine per real second.", DefaultValueFactory = _ => 1,
    };

    private static readonly Option<string[]> Faults = new("--fault")
    {
        Description = "A fault, such as 500@0.1; may be given several times (docs/reference/engine-emulator.md).",
        DefaultValueFactory = _ => [],
    };

    private static readonly Option<string?> Weights = new("--weights")
    {
        Description = "File or folder of weights that must be there, as an engine's must; nothing is read of it.",
    };

    public static Command Create()
    {
        Command command = new ServingCommand(
            "engine", "Runs an emulated inference engine over real HTTP, in the place of vLLM.");
        foreach (Option option in (Option[])[Spec, Model, Accelerator, AcceleratorsPerReplica, ParametersBillion,
            ActiveParametersBillion, BytesPerWeight, ContextTokens, Replicas, Port, TimeScale, Faults, Weights])
        {
            command.Options.Add(option);
        }

        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        string? path = parsed.GetValue(Spec);
        Stream input = path == "-" ? Console.OpenStandardInput() : Stream.Null;
        try
        {
            EmulatorSpec spec = path is null
                ? FromFlags(parsed)
                : Parse(path == "-" ? await ReadLineAsync(input, cancellation)
                    : await File.ReadAllBytesAsync(path, cancellation));
            await using EmulatorHost host = await EmulatorHost.StartAsync(spec, TimeProvider.System, cancellation);
            await SayReadyAsync(path, host);
            await WaitForEndAsync(path, input);
            return 0;
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 2;
        }
    }

    private static EmulatorSpec Parse(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, EmulatorJson.Default.EmulatorSpec)
                ?? throw new ArgumentException("The spec is empty.");
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"The spec is not valid: {e.Message}", e);
        }
    }

    private static EmulatorSpec FromFlags(ParseResult parsed)
    {
        if (parsed.GetValue(Weights) is { } weights && !Path.Exists(weights))
        {
            throw new ArgumentException($"The weights {weights} are not there.");
        }

        decimal? active = parsed.GetValue(ActiveParametersBillion);
        int context = parsed.GetValue(ContextTokens);
        string model = parsed.GetValue(Model)!;
        return new EmulatorSpec
        {
            TimeScale = parsed.GetValue(TimeScale),
            Deployments =
            [
                new EmulatedDeploymentSpec
                {
                    Id = "engine",
                    Model = model,
                    Replicas = parsed.GetValue(Replicas),
                    Port = parsed.GetValue(Port),
                    Faults = parsed.GetValue(Faults) ?? [],
                    Accelerator = parsed.GetValue(Accelerator),
                    AcceleratorsPerReplica = parsed.GetValue(AcceleratorsPerReplica),
                    Description = new ModelConfig
                    {
                        Id = model,
                        ContextTokens = context,
                        MaxOutputTokens = context,
                        ParametersBillion = Figure.Of(parsed.GetValue(ParametersBillion)),
                        ActiveParametersBillion = active is null ? null : Figure.Of(active.Value),
                        BytesPerWeight = parsed.GetValue(BytesPerWeight),
                    },
                },
            ],
        };
    }

    private static async Task SayReadyAsync(string? path, EmulatorHost host)
    {
        if (path is not null)
        {
            var ready = new EmulatorReady(new Dictionary<string, Uri>(host.Endpoints));
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(ready, EmulatorJson.Default.EmulatorReady));
        }
        else
        {
            Uri endpoint = host.Endpoints.Values.Single();
            await Console.Out.WriteLineAsync(
                $"Emulated engine ready at {endpoint} (chat completions and messages). Ctrl-C stops it.");
        }

        await Console.Out.FlushAsync();
    }

    /// <summary>
    /// Waits for Ctrl-C or SIGTERM; under a parent only for the end of standard input, because the parent gets the
    /// same signals and still needs its engines while it drains.
    /// </summary>
    private static async Task WaitForEndAsync(string? path, Stream input)
    {
        var signalled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            if (path != "-")
            {
                signalled.TrySetResult();
            }
        }

        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        await (path == "-" ? UntilEndAsync(input) : signalled.Task);
    }

    private static async Task UntilEndAsync(Stream input)
    {
        var scrap = new byte[256];
        while (await input.ReadAsync(scrap) > 0)
        {
            // Whatever a parent writes after the spec is not for us.
        }
    }

    private static async Task<byte[]> ReadLineAsync(Stream input, CancellationToken cancellation)
    {
        using var line = new MemoryStream();
        var one = new byte[64 * 1024];
        while (true)
        {
            int read = await input.ReadAsync(one, cancellation);
            int end = one.AsSpan(0, read).IndexOf((byte)'\n');
            line.Write(one, 0, end < 0 ? read : end);
            if (read == 0 || end >= 0)
            {
                return line.ToArray();
            }
        }
    }
}

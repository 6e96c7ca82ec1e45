using System.Diagnostics;
using System.Text.Json;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Emulator;
using Forebay.Executors.Local;
using Forebay.Serve;

namespace Forebay.Demo;

/// <summary>The emulated engines that are there before Colossus 1, a process for each provider, so that one can be lost
/// as a whole; and what is behind the endpoints that the partner offers.</summary>
internal sealed class ColossusEngines : IAsyncDisposable
{
    /// <summary>The model that they serve.</summary>
    public const string Model = "atlas";

    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(120);

    private readonly EngineProcess _aws;
    private readonly EngineProcess _google;
    private readonly EngineProcess _borealis;
    private readonly EngineProcess _offered;

    private ColossusEngines(EngineProcess[] started) =>
        (_aws, _google, _borealis, _offered) = (started[0], started[1], started[2], started[3]);

    public Uri Aws => _aws.Endpoints["aws"];

    public Uri Google => _google.Endpoints["google"];

    public Uri Borealis => _borealis.Endpoints["borealis"];

    public Uri OfferedH100 => _offered.Endpoints["h100"];

    public Uri OfferedH200 => _offered.Endpoints["h200"];

    /// <summary>An engine that is in no fleet: it says what a right answer is.</summary>
    public Uri Reference => _offered.Endpoints["reference"];

    public static async Task<ColossusEngines> StartAsync(TimeProvider time, CancellationToken cancel)
    {
        Task<EngineProcess>[] starting =
        [
            StartAsync(time, cancel, Engine("aws", "Trainium3")),
            StartAsync(time, cancel, Engine("google", "TPU-v5p")),
            StartAsync(time, cancel, Engine("borealis", "H100-SXM")),
            StartAsync(
                time, cancel, Engine("h100", "H100-SXM"), Engine("h200", "H200-SXM"), Engine("reference", "H100-SXM")),
        ];
        try
        {
            return new ColossusEngines(await Task.WhenAll(starting));
        }
        catch
        {
            foreach (Task<EngineProcess> one in starting)
            {
                if (await Task.WhenAny(one) == one && one.IsCompletedSuccessfully)
                {
                    await one.Result.DisposeAsync();
                }
            }

            throw;
        }
    }

    /// <summary>Kills the whole of one provider, as a loss of power would.</summary>
    /// <returns>The process that is gone.</returns>
    public async Task<int> LoseAwsAsync()
    {
        int id = _aws.Id;
        using (var process = Process.GetProcessById(id))
        {
            process.Kill();
        }

        await _aws.Exited;
        return id;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (EngineProcess engine in (EngineProcess[])[_aws, _google, _borealis, _offered])
        {
            await engine.DisposeAsync();
        }
    }

    private static Task<EngineProcess> StartAsync(
        TimeProvider time, CancellationToken cancel, params EmulatedDeploymentSpec[] engines) =>
        EngineProcess.StartAsync(
        SelfCommand.Line,
        JsonSerializer.SerializeToUtf8Bytes(
            new EmulatorSpec { Deployments = engines }, EmulatorJson.Default.EmulatorSpec),
        StartDeadline,
        time,
        cancel);

    private static EmulatedDeploymentSpec Engine(string id, string chip) => new()
    {
        Id = id,
        Model = Model,
        Dialects = [Dialect.OpenAi],
        Accelerator = chip,
        AcceleratorsPerReplica = 1,
        Description = new ModelConfig
        {
            Id = Model,
            ContextTokens = 8192,
            MaxOutputTokens = 2048,
            ParametersBillion = Figure.Of(60),
            BytesPerWeight = 1,
            KvBytesPerToken = Figure.Of(40_000),
        },
    };
}

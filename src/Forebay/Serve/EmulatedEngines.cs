using System.Text.Json;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;
using Forebay.Emulator;
using Forebay.Executors.Local;
using Microsoft.Extensions.Logging;

namespace Forebay.Serve;

/// <summary>
/// The emulated engines of a fleet, in child processes: one at the start, and one more for what a reload adds. Engines
/// whose deployment did not change go on as they are.
/// </summary>
public sealed partial class EmulatedEngines(double timeScale, TimeProvider time, ILoggerFactory logs) : IAsyncDisposable
{
    /// <summary>What stands in for the chips behind an API quota, which no one names.</summary>
    public const string QuotaAccelerator = "H100-SXM";

    /// <summary>Most replicas emulated per deployment: beyond it, more of the same teaches nothing and takes memory.
    /// </summary>
    public const int MaxReplicas = 64;

    private const double UsableMemoryShare = 0.6;
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(30);
    private readonly ILogger _logger = logs.CreateLogger<EmulatedEngines>();
    private bool _stopping;
    private readonly Dictionary<string, Uri> _endpoints = [];
    private readonly List<EngineProcess> _processes = [];

    /// <summary>Starts what is missing and returns every endpoint by deployment id.</summary>
    /// <exception cref="StartException">An engine cannot be started; says why.</exception>
    public async Task<IReadOnlyDictionary<string, Uri>> EnsureAsync(FleetConfig config, CancellationToken cancel)
    {
        var wanted = config.Deployments
            .Where(d => ProviderEndpoint.Of(d) is null)
            .Select(d => SpecOf(config, d))
            .ToDictionary(s => s.Id, s => (Spec: s, Identity: IdentityOf(s)));
        EmulatedDeploymentSpec[] missing =
            [.. wanted.Values.Where(w => !_endpoints.ContainsKey(w.Identity)).Select(w => w.Spec)];
        if (missing.Length > 0)
        {
            await StartAsync(new EmulatorSpec { Deployments = missing, TimeScale = timeScale }, cancel);
        }

        return wanted.ToDictionary(w => w.Key, w => _endpoints[w.Value.Identity]);
    }

    /// <summary>What an emulated deployment is made of.</summary>
    public static EmulatedDeploymentSpec SpecOf(FleetConfig config, DeploymentConfig deployment)
    {
        ModelConfig model = config.Models.First(m => m.Id == deployment.Model);
        PoolConfig pool = config.Pools.First(p => p.Id == deployment.Pool);
        string type = pool.Accelerators?.Type ?? QuotaAccelerator;
        int count = deployment.AcceleratorsPerReplica > 0
            ? deployment.AcceleratorsPerReplica
            : AcceleratorsToHold(model, type);
        return new EmulatedDeploymentSpec
        {
            Id = deployment.Id,
            Model = deployment.UpstreamModel ?? deployment.Model,
            Dialects = deployment.Dialects,
            Replicas = Math.Min(deployment.Replicas, MaxReplicas),
            MaxOutputTokens = model.MaxOutputTokens,
            Accelerator = type,
            AcceleratorsPerReplica = count,
            Description = model,
        };
    }

    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        foreach (EngineProcess process in _processes)
        {
            await process.DisposeAsync();
        }
    }

    private async Task StartAsync(EmulatorSpec spec, CancellationToken cancel)
    {
        try
        {
            EngineProcess process = await EngineProcess.StartAsync(
                SelfCommand.Line,
                JsonSerializer.SerializeToUtf8Bytes(spec, EmulatorJson.Default.EmulatorSpec),
                StartDeadline,
                time,
                cancel);
            _ = WatchAsync(process);
            _processes.Add(process);
            foreach (EmulatedDeploymentSpec started in spec.Deployments)
            {
                _endpoints[IdentityOf(started)] = process.Endpoints[started.Id];
            }
        }
        catch (EngineStartException e)
        {
            throw new StartException($"The emulated engines did not start: {e.Message}");
        }
    }

    /// <summary>Says so when engines end by themselves: their deployments then fail until a restart.</summary>
    private async Task WatchAsync(EngineProcess process)
    {
        int code = await process.Exited;
        if (!_stopping)
        {
            EnginesEnded(_logger, process.Id, code);
        }
    }

    [LoggerMessage(4000, LogLevel.Critical,
        "The emulated engines (process {ProcessId}) ended by themselves with code {Code}; restart the server.")]
    private static partial void EnginesEnded(ILogger logger, int processId, int code);

    private static string IdentityOf(EmulatedDeploymentSpec spec) =>
        JsonSerializer.Serialize(new EmulatorSpec { Deployments = [spec] }, EmulatorJson.Default.EmulatorSpec);

    /// <summary>The smallest power of two of chips whose memory holds the weights with room for the KV cache.</summary>
    private static int AcceleratorsToHold(ModelConfig model, string type)
    {
        double weightsGb = (double)model.ParametersBillion.High * model.BytesPerWeight;
        double hbmGb = AcceleratorCatalogue.BuiltIn.Find(type)?.HbmGb.Value
            ?? throw new StartException($"Accelerator {type} is not in the catalogue.");
        int count = 1;
        while (count * hbmGb * UsableMemoryShare < weightsGb)
        {
            count *= 2;
        }

        return count;
    }
}

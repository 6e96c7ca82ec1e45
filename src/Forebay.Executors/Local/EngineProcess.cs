using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Executors.Local;

/// <summary>How to start the engine emulator.</summary>
/// <param name="FileName">The program: the forebay executable, or dotnet.</param>
/// <param name="Arguments">What comes before <c>engine --spec -</c>: nothing for the executable, the path of
/// forebay.dll for dotnet.</param>
public sealed record EngineCommandLine(string FileName, IReadOnlyList<string> Arguments);

/// <summary>The engine process did not start; the message says what it said.</summary>
public sealed class EngineStartException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The child process that hosts the emulated engines: <c>forebay engine --spec -</c>. It is told what to run on its
/// standard input, which then stays open: its end is the child's signal to stop, so that the child goes even when this
/// process is killed.
/// </summary>
public sealed class EngineProcess : IAsyncDisposable
{
    private const int SaidLines = 20;

    private readonly Process _process;
    private readonly TimeProvider _time;
    private readonly Queue<string> _said = new();

    private EngineProcess(Process process, TimeProvider time)
    {
        _process = process;
        _time = time;
        Exited = WaitAsync();
    }

    /// <summary>Base URLs, without /v1, by deployment id.</summary>
    public IReadOnlyDictionary<string, Uri> Endpoints { get; private set; } = new Dictionary<string, Uri>();

    public int Id => _process.Id;

    /// <summary>Completes with the exit code when the process ends, for whatever reason.</summary>
    public Task<int> Exited { get; }

    /// <summary>
    /// Starts the process and waits until every engine listens.
    /// </summary>
    /// <param name="commandLine">How to start forebay.</param>
    /// <param name="specJson">The emulator's spec.</param>
    /// <param name="startDeadline">How long it may take.</param>
    /// <param name="time">For the deadline.</param>
    /// <param name="cancellation">Gives up and ends the process.</param>
    /// <exception cref="EngineStartException">It cannot be started, ended, or did not answer in time.</exception>
    public static async Task<EngineProcess> StartAsync(
        EngineCommandLine commandLine,
        ReadOnlyMemory<byte> specJson,
        TimeSpan startDeadline,
        TimeProvider time,
        CancellationToken cancellation)
    {
        var engine = new EngineProcess(Launch(commandLine), time);
        try
        {
            using var deadline = new CancellationTokenSource(startDeadline, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
            engine.Endpoints = await engine.HandshakeAsync(specJson, startDeadline, either.Token, cancellation)
                .ConfigureAwait(false);
            return engine;
        }
        catch
        {
            await engine.StopAsync(TimeSpan.Zero).ConfigureAwait(false);
            engine._process.Dispose();
            throw;
        }
    }

    /// <summary>Asks the process to end by closing its standard input, waits, and kills it past the deadline.</summary>
    /// <returns>True when it ended of itself.</returns>
    public async Task<bool> StopAsync(TimeSpan deadline)
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The other end is gone already: nothing is left to tell it.
        }

        if (deadline > TimeSpan.Zero)
        {
            try
            {
                await Exited.WaitAsync(deadline, _time).ConfigureAwait(false);
                return true;
            }
            catch (TimeoutException)
            {
                // Killed below.
            }
        }

        bool ended = _process.HasExited;
        if (!ended)
        {
            _process.Kill(entireProcessTree: true);
        }

        await Exited.ConfigureAwait(false);
        return ended;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
        _process.Dispose();
    }

    private static Process Launch(EngineCommandLine commandLine)
    {
        var start = new ProcessStartInfo(commandLine.FileName)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        // How the server's own sockets are waited for is nothing to its engines.
        start.Environment.Remove("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS");
        foreach (string argument in (ReadOnlySpan<string>)[.. commandLine.Arguments, "engine", "--spec", "-"])
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            return Process.Start(start)
                ?? throw new EngineStartException($"{commandLine.FileName} did not start a process.");
        }
        catch (Win32Exception e)
        {
            throw new EngineStartException(
                $"The engine process cannot be started ({commandLine.FileName}): {e.Message}", e);
        }
    }

    private async Task<IReadOnlyDictionary<string, Uri>> HandshakeAsync(
        ReadOnlyMemory<byte> specJson, TimeSpan startDeadline, CancellationToken either, CancellationToken cancellation)
    {
        _ = DrainAsync(_process.StandardError);
        try
        {
            await _process.StandardInput.BaseStream.WriteAsync(specJson, either).ConfigureAwait(false);
            await _process.StandardInput.BaseStream.WriteAsync("\n"u8.ToArray(), either).ConfigureAwait(false);
            await _process.StandardInput.BaseStream.FlushAsync(either).ConfigureAwait(false);
            string? line = await _process.StandardOutput.ReadLineAsync(either).ConfigureAwait(false);
            if (line is not null)
            {
                _ = DrainAsync(_process.StandardOutput);
                EngineReady? ready = JsonSerializer.Deserialize(line, EngineReadyJson.Default.EngineReady);
                return ready?.Endpoints ?? throw new JsonException("there are no endpoints");
            }

            int code = await Exited.WaitAsync(either).ConfigureAwait(false);
            throw new EngineStartException($"The engine process ended with code {code}.{Said()}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new EngineStartException(
                $"The engine process was not ready within {startDeadline.TotalSeconds:0.#} s.{Said()}");
        }
        catch (IOException e)
        {
            throw new EngineStartException($"The engine process ended while it was told what to run.{Said()}", e);
        }
        catch (JsonException e)
        {
            throw new EngineStartException($"The engine process answered with something else: {e.Message}.{Said()}", e);
        }
    }

    private string Said()
    {
        lock (_said)
        {
            return _said.Count == 0 ? "" : " It said: " + string.Join(' ', _said);
        }
    }

    /// <summary>Reads on, so that the process never blocks on a full pipe, and keeps the last lines.</summary>
    private async Task DrainAsync(StreamReader reader)
    {
        try
        {
            while (await reader.ReadLineAsync().ConfigureAwait(false) is { } line)
            {
                lock (_said)
                {
                    _said.Enqueue(line);
                    if (_said.Count > SaidLines)
                    {
                        _said.Dequeue();
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The process is gone.
        }
    }

    private async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync().ConfigureAwait(false);
        return _process.ExitCode;
    }
}

internal sealed record EngineReady(Dictionary<string, Uri> Endpoints);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(EngineReady))]
internal sealed partial class EngineReadyJson : JsonSerializerContext;

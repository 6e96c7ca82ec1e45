using System.Diagnostics;
using System.Net.Sockets;

namespace Forebay.Bench.Gateway;

/// <summary>One way to the upstream: where to send requests, and which process to measure.</summary>
/// <param name="Name">Name in the results.</param>
/// <param name="Port">Where it listens for the unpaced upstream.</param>
/// <param name="Pid">The process whose time and memory count.</param>
/// <param name="Key">The key that clients send.</param>
/// <param name="Headers">Further headers that it needs, as NAME=VALUE.</param>
internal sealed record Contestant(string Name, int Port, int Pid, string Key, string[] Headers)
{
    /// <summary>Where it listens for the upstream with an event each 20 ms, and each 200 ms.</summary>
    public int Paced20Port { get; init; }

    public int Paced200Port { get; init; }

    public int Paced20Pid { get; init; }

    public int Paced200Pid { get; init; }
}

/// <summary>Processes that the benchmark started; they end with it.</summary>
internal sealed class Processes : IDisposable
{
    private readonly List<Process> _started = [];

    public Process Start(string file, IEnumerable<string> arguments, string folder, params (string, string)[] environment)
    {
        var start = new ProcessStartInfo(file)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        Process process = Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start.");
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        _started.Add(process);
        return process;
    }

    /// <summary>Waits until something listens.</summary>
    /// <exception cref="TimeoutException">Nothing did within 20 s.</exception>
    public static async Task ListeningAsync(int port)
    {
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20))
        {
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync("127.0.0.1", port);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }
        }

        throw new TimeoutException($"Nothing listens on port {port}.");
    }

    public void Dispose()
    {
        foreach (Process process in _started)
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }

            process.Dispose();
        }
    }
}

using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Forebay.Core.Execution;

namespace Forebay.Executors.Local;

/// <summary>Starts a process in a session of its own, under a small shell that outlives this process.</summary>
internal static class LocalLaunch
{
    /// <summary>The variable that proves whose a process is.</summary>
    public const string TokenVariable = "FOREBAY_WORK_TOKEN";

    private const UnixFileMode Executable =
        UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>
    /// The leader of the session. It claims the generation by creating a file that must not exist, so that a generation
    /// runs once whatever becomes of the process that started it; passes a request to end on to the engine alone, as
    /// an engine with workers expects; writes the engine's exit code where whoever runs Forebay next finds it; and
    /// ends what the engine left behind in its group.
    /// </summary>
    /// <remarks>The trap is set after the engine was forked: one set before is inherited until the engine is executed,
    /// and swallows a request to end that comes in between. Asked to end before the trap is set, the leader ends, and
    /// the engine with it as one that nobody watches.</remarks>
    private const string Leader = """
        umask 077
        exec </dev/null >>"$3" 2>&1 || exit 74
        read -r stat </proc/$$/stat
        set -C
        echo "$stat" >"$1" || exit 75
        set +C
        exit=$2
        shift 3
        "$@" &
        child=$!
        trap 'kill -TERM "$child"' TERM
        trap : INT HUP
        wait "$child"
        code=$?
        while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
        echo "$code" >"$exit.new" && mv "$exit.new" "$exit"
        kill -KILL 0
        """;

    /// <summary>Finds a program as a shell would.</summary>
    /// <exception cref="WorkRefusedException">There is none, or it cannot be executed.</exception>
    public static string Resolve(string program, string? path)
    {
        if (program.Contains('/'))
        {
            string full = Path.GetFullPath(program);
            return File.Exists(full) && IsExecutable(full) ? full : throw new WorkRefusedException(File.Exists(full)
                ? $"The program {program} may not be executed. Give it the permission."
                : $"The program {program} was not found. Correct the path, or install it.");
        }

        foreach (string folder in (path ?? "/usr/local/bin:/usr/bin:/bin").Split(':'))
        {
            string candidate = Path.Combine(folder, program);
            if (folder.Length > 0 && File.Exists(candidate) && IsExecutable(candidate))
            {
                return candidate;
            }
        }

        throw new WorkRefusedException(
            $"The program {program} was not found in PATH ({path}). Give its whole path, or install it.");
    }

    /// <summary>Gives out ports that nothing listens on now and no other work was given.</summary>
    public static Dictionary<string, int> GivePorts(IEnumerable<string> names, IReadOnlySet<int> given)
    {
        var ports = new Dictionary<string, int>(StringComparer.Ordinal);
        var held = new List<TcpListener>();
        try
        {
            foreach (string name in names)
            {
                int port;
                do
                {
                    var listener = new TcpListener(IPAddress.Loopback, 0);
                    held.Add(listener);
                    listener.Start();
                    port = ((IPEndPoint)listener.LocalEndpoint).Port;
                }
                while (given.Contains(port));

                ports.Add(name, port);
            }

            return ports;
        }
        finally
        {
            foreach (TcpListener listener in held)
            {
                listener.Dispose();
            }
        }
    }

    /// <exception cref="WorkRefusedException">The shell or <c>setsid</c> cannot be started.</exception>
    public static Process Start(
        WorkSpec spec,
        string program,
        LocalRecord record,
        WorkFolder folder,
        IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo("setsid")
        {
            UseShellExecute = false, WorkingDirectory = spec.WorkingDirectory ?? folder.Run,
        };
        foreach (string argument in (ReadOnlySpan<string>)
        [
            "/bin/sh", "-c", Leader, "forebay-work",
            folder.Claim(spec.Generation), folder.Exit(spec.Generation), folder.Log(spec.Generation),
            program, .. spec.Arguments.Select(a => Fill(a, record.Ports, spec)),
        ])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Clear();
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        foreach ((string name, string value) in spec.Environment)
        {
            start.Environment[name] = Fill(value, record.Ports, spec);
        }

        start.Environment[TokenVariable] = record.Token;
        try
        {
            return Process.Start(start) ?? throw new WorkRefusedException("No process was started.");
        }
        catch (Exception e) when (e is Win32Exception or DirectoryNotFoundException)
        {
            throw new WorkRefusedException(
                $"Work {spec.Id} cannot be started in {start.WorkingDirectory}: {e.Message} The folder must exist, and "
                + "setsid (util-linux) must be in PATH.", e);
        }
    }

    private static string Fill(string text, Dictionary<string, int> ports, WorkSpec spec)
    {
        foreach ((string name, int port) in ports)
        {
            text = text.Replace($"{{port:{name}}}", $"{port}", StringComparison.Ordinal);
        }

        return spec.Ports is [var first, ..]
            ? text.Replace("{port}", $"{ports[first]}", StringComparison.Ordinal)
            : text;
    }

    private static bool IsExecutable(string path) =>
        OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & Executable) != 0;
}

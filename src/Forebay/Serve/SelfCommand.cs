using Forebay.Executors.Local;

namespace Forebay.Serve;

/// <summary>How to start this very program again, as an apphost or through <c>dotnet</c>.</summary>
public static class SelfCommand
{
    /// <summary>The command line to put a command behind.</summary>
    public static EngineCommandLine Line { get; } = Find(Environment.ProcessPath);

    private static EngineCommandLine Find(string? process) => Path.GetFileNameWithoutExtension(process) switch
    {
        "forebay" => new EngineCommandLine(process!, []),
        "dotnet" => new EngineCommandLine(process!, [typeof(SelfCommand).Assembly.Location]),
        // Inside a test runner's apphost.
        _ => new EngineCommandLine("dotnet", [typeof(SelfCommand).Assembly.Location]),
    };
}

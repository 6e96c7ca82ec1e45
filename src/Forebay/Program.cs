using System.CommandLine;
using Forebay.Commands;

namespace Forebay;

/// <summary>The command line: one command per file in Commands.</summary>
public static class Program
{
    public static Task<int> Main(string[] args) => BuildRoot().Parse(args).InvokeAsync();

    /// <summary>The whole command tree, also read by the tests that check every command named in the docs.</summary>
    public static RootCommand BuildRoot() => new("Pools AI compute from many providers behind one API.")
    {
        StatusCommand.Create(),
        KeyCommand.Create(),
        UsageCommand.Create(),
        TokenCommand.Create(),
        AuditCommand.Create(),
        ReloadCommand.Create(),
        BackupCommand.Create(),
        EngineCommand.Create(),
        ReplayCommand.Create(),
    };
}

using System.CommandLine;
using Forebay.Commands;
using Forebay.Commands.Capacity;
using Forebay.Commands.Replay;
using Forebay.Gateway;
using Forebay.Storage;
using Forebay.Storage.Backups;

namespace Forebay;

/// <summary>The command line: one command per file in Commands.</summary>
public static class Program
{
    public static Task<int> Main(string[] args)
    {
        ParseResult parsed = BuildRoot().Parse(args);
        var configuration = new InvocationConfiguration();
        if (parsed.CommandResult.Command is ServingCommand)
        {
            // It takes signals itself: draining may take longer than the library would wait, and the engine process
            // must outlive a Ctrl-C that its whole group receives.
            configuration.ProcessTerminationTimeout = null;
            SocketThreads.LetRunCompletions();
        }

        return parsed.InvokeAsync(configuration);
    }

    /// <summary>The whole command tree, also read by the tests that check every command named in the docs.</summary>
    public static RootCommand BuildRoot() => new("Pools AI compute from many providers behind one API.")
    {
        UpCommand.Create(),
        ServeCommand.Create(),
        ValidateCommand.Create(),
        SchemaCommand.Create(),
        StatusCommand.Create(),
        KeyCommand.Create(),
        ModelCommand.Create(),
        RolloutCommand.Create(),
        ReplicaCommand.Create(),
        ProviderCommand.Create(),
        CapacityCommand.Create(),
        ExplainCommand.Create(),
        UsageCommand.Create(),
        BatchCommand.Create(),
        ConcentrationCommand.Create(),
        LimitsCommand.Create(),
        WithdrawalCommands.CreateDrain(),
        WithdrawalCommands.CreateReclaim(),
        WithdrawalCommands.CreateDrill(),
        WithdrawalCommands.CreateList(),
        PlaceCommand.Create(),
        ReplayCommand.Create(),
        ReloadCommand.Create(),
        TokenCommand.Create(),
        AuditCommand.Create(),
        BackupCommand.Create(),
        RestoreCommand.Create(RestoreAsync),
        EngineCommand.Create(),
        DemoCommand.Create(),
    };

    private static async Task RestoreAsync(string backup, string directory, bool force, CancellationToken cancel)
    {
        try
        {
            await Backup.RestoreAsync(backup, directory, force, TimeProvider.System, cancel);
        }
        catch (StorageException e)
        {
            throw new IOException(e.Message, e);
        }
    }
}

using System.CommandLine;

namespace Forebay.Commands;

/// <summary>A command that runs until it is told to stop and takes signals itself: it drains on the first
/// one.</summary>
internal sealed class ServingCommand(string name, string description) : Command(name, description);

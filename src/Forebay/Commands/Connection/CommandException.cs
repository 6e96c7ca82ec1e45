namespace Forebay.Commands.Connection;

/// <summary>A command cannot do what it was asked; the message tells the user why and what to do.</summary>
public sealed class CommandException : Exception
{
    public CommandException()
    {
    }

    public CommandException(string message) : base(message)
    {
    }

    public CommandException(string message, Exception inner) : base(message, inner)
    {
    }
}

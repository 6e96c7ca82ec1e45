namespace Forebay.Emulator.Wire;

/// <summary>The request cannot be served; the message tells the client why.</summary>
/// <param name="message">For the client.</param>
/// <param name="status">HTTP status.</param>
/// <param name="parameter">The field at fault, where there is one.</param>
internal sealed class BadRequestException(string message, int status = 400, string? parameter = null)
    : Exception(message)
{
    public int Status { get; } = status;

    public string? Parameter { get; } = parameter;
}

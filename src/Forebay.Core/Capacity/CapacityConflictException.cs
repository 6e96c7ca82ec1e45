namespace Forebay.Core.Capacity;

/// <summary>Two changed the same at once, and the other was first. Nothing was changed; read it again and decide anew.
/// </summary>
public sealed class CapacityConflictException(string message) : InvalidOperationException(message);

namespace Forebay.Simulation.Traces;

/// <summary>Reads a trace file of any form known here: JSON lines are Mooncake's, anything else is Azure's.</summary>
public static class TraceReader
{
    /// <inheritdoc cref="AzureLlmTrace.Read"/>
    public static IEnumerable<TraceRequest> Read(TextReader reader, string source)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return reader.Peek() == '{' ? MooncakeTrace.Read(reader, source) : AzureLlmTrace.Read(reader, source);
    }
}

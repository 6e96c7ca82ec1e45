namespace Forebay.Protocols.Bedrock;

/// <summary>What becomes of a field of a Messages request on the way to Bedrock's <c>InvokeModel</c>.</summary>
public enum InvokeFate : byte
{
    /// <summary>Goes on as it is, as fields not known here do: Bedrock names those that it does not take.</summary>
    Kept,

    /// <summary>Said elsewhere: in the path, or by the choice of the place.</summary>
    Moved,

    /// <summary>Left out, and named in <c>x-forebay-dropped</c>: the answer still answers what was asked.</summary>
    Dropped,

    /// <summary>The request is refused by the field's name.</summary>
    Refused,
}

/// <summary>One field that Bedrock treats unlike Anthropic.</summary>
/// <param name="Name">The field.</param>
/// <param name="Fate">What becomes of it.</param>
/// <param name="Harmless">Values that ask for nothing and are left out without a word; null always is one.</param>
/// <param name="Note">Why, and what to do.</param>
public sealed record InvokeField(string Name, InvokeFate Fate, IReadOnlyList<string> Harmless, string Note);

/// <summary>The fields of a Messages request that Bedrock treats unlike Anthropic; others go on untouched.</summary>
public static class InvokeFields
{
    /// <summary>The table; the reference page shows it.</summary>
    public static IReadOnlyList<InvokeField> All { get; } =
    [
        new("model", InvokeFate.Moved, [], "stands in the path"),
        new("stream", InvokeFate.Moved, [], "the path says whether to stream"),
        new("inference_geo", InvokeFate.Moved, [], "obeyed in choosing the deployment, not sent on"),
        new("service_tier", InvokeFate.Dropped, ["\"auto\"", "\"standard_only\""],
            "Bedrock gives its standard tier"),
        new("speed", InvokeFate.Refused, ["\"standard\""], "Bedrock has no fast mode; leave it out"),
        new("diagnostics", InvokeFate.Dropped, ["{}"], "Bedrock keeps no messages to compare with"),
        new("container", InvokeFate.Refused, [],
            "containers belong to an Anthropic account, and Bedrock has none; leave it out"),
        new("mcp_servers", InvokeFate.Refused, ["[]"],
            "Bedrock calls no MCP servers; call them from your side as tools"),
        new("fallbacks", InvokeFate.Refused, ["[]"],
            "Bedrock falls back to no other model; ask for the other model yourself"),
        new("anthropic_version", InvokeFate.Refused, [],
            "is written by the gateway; send the header anthropic-version"),
        new("anthropic_beta", InvokeFate.Refused, [], "is written by the gateway; send the header anthropic-beta"),
    ];

    private static readonly (byte[] Name, byte[][] Harmless, InvokeField Field)[] Table =
    [
        .. All.Select(f => (
            System.Text.Encoding.UTF8.GetBytes(f.Name),
            f.Harmless.Select(System.Text.Encoding.UTF8.GetBytes).ToArray(),
            f)),
    ];

    internal static InvokeField? Find(ReadOnlySpan<byte> name, out ReadOnlySpan<byte[]> harmless)
    {
        foreach ((byte[] known, byte[][] values, InvokeField field) in Table)
        {
            if (name.SequenceEqual(known))
            {
                harmless = values;
                return field;
            }
        }

        harmless = default;
        return null;
    }
}

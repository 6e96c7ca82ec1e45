namespace Forebay.Protocols.Prompts;

/// <summary>Takes the parts of a prompt in the order a model reads them. Implemented by structs, so that calls are
/// bound and inlined at compile time. Raw means as in the JSON, escapes unresolved.</summary>
internal interface IPromptSink
{
    /// <summary>Whether a message's role must come before its content. Costs a second look at messages that put it
    /// later.</summary>
    static abstract bool NeedsRoleFirst { get; }

    /// <summary>A message begins.</summary>
    void Message(scoped ReadOnlySpan<byte> role);

    /// <summary>Text that the model reads.</summary>
    /// <param name="raw">The text, raw.</param>
    /// <param name="textLength">Its bytes once escapes are resolved.</param>
    void Text(scoped ReadOnlySpan<byte> raw, int textLength);

    /// <summary>The name of a member where names mean something: in a schema or a tool's input.</summary>
    void Name(scoped ReadOnlySpan<byte> raw, int textLength);

    /// <summary>A number or literal in such a place.</summary>
    void Literal(scoped ReadOnlySpan<byte> raw);

    /// <summary>An image: base64, or what names it; empty where nothing does.</summary>
    void Image(scoped ReadOnlySpan<byte> payload);

    void Document(scoped ReadOnlySpan<byte> payload);

    void Audio(scoped ReadOnlySpan<byte> payload);
}

using Forebay.Protocols.Prompts;

namespace Forebay.Protocols;

/// <summary>
/// Cuts a prompt into blocks of 64 bytes (16 tokens of four bytes) and chains a hash over them, so that two requests
/// share as many leading hashes as they share leading blocks: the key of a prefix index. The hash is fast and not
/// cryptographic. A client that knows the salt could make two prompts collide; salt per tenant, and let a hash decide
/// where a request goes but never what it is answered.
/// </summary>
public static class PromptBlocks
{
    /// <summary>Bytes of text in a block.</summary>
    public const int BlockBytes = 64;

    /// <summary>Tokens a block stands for.</summary>
    public const int TokensPerBlock = 16;

    /// <summary>
    /// Hashes the prompt of a request in the order a model reads it: tools, system, messages, whatever the order of
    /// the keys. Text is taken as it stands in the JSON, escapes unresolved. Cache markers, identifiers, block types
    /// and the place of the role within a message change nothing; a text and a list of that one text block are the
    /// same. An image or document weighs as many blocks as its estimated tokens fill. The last, incomplete block has no
    /// hash.
    /// </summary>
    /// <param name="facts">What <see cref="RequestReader"/> found in the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="salt">Keeps chains apart that must not match, such as those of two tenants.</param>
    /// <param name="hashes">Where the hashes go; its length bounds how far the prompt is hashed. A prompt has about
    /// <see cref="RequestFacts.EstimatedInputTokens"/> / <see cref="TokensPerBlock"/> of them.</param>
    /// <returns>How many hashes were written. Cost is linear in the prompt's bytes.</returns>
    public static int Hash(in RequestFacts facts, ReadOnlySpan<byte> body, ulong salt, Span<ulong> hashes)
    {
        var walker = new PromptWalker<BlockHasher>(body, 0)
        {
            Sink = new BlockHasher(salt, hashes),
            InItems = facts.Dialect == WireDialect.Responses,
        };
        walker.Sink.Section();
        if (!facts.Tools.IsEmpty)
        {
            walker.MoveTo(facts.Tools.Start);
            _ = walker.Tools();
        }

        walker.Sink.Section();
        if (!facts.System.IsEmpty)
        {
            walker.MoveTo(facts.System.Start);
            _ = walker.System();
        }

        walker.Sink.Section();
        if (!facts.Messages.IsEmpty)
        {
            walker.MoveTo(facts.Messages.Start);
            _ = walker.Input();
        }

        return walker.Sink.Count;
    }
}

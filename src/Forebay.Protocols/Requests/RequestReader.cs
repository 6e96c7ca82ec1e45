using System.Text.Unicode;

namespace Forebay.Protocols;

/// <summary>
/// Reads what the gateway must know of a request body in one forward pass. It checks what it reads and no more: the
/// body must be strict JSON in UTF-8, at most 64 levels deep, and the fields that routing, limits and splices stand on
/// must have their types. Unknown fields, block types and roles pass, for the upstream may know them.
/// </summary>
public static class RequestReader
{
    /// <summary>Longest model name accepted, in UTF-8 bytes.</summary>
    public const int MaxModelBytes = 256;

    /// <summary>Reads a body whose cost is linear in its length; allocates the strings of the facts and nothing
    /// else.</summary>
    /// <param name="dialect">The dialect of the endpoint that the body came to.</param>
    /// <param name="body">The whole body, decoded. A UTF-8 byte order mark is skipped.</param>
    /// <param name="countTokens">Whether the endpoint only counts tokens, so that <c>max_tokens</c> may be
    /// absent.</param>
    /// <param name="facts">What was found; meaningful only on success.</param>
    /// <param name="problem">Why the body was refused, when it was: the first problem in reading order, fields that are
    /// missing last.</param>
    public static bool TryRead(
        WireDialect dialect,
        ReadOnlySpan<byte> body,
        bool countTokens,
        out RequestFacts facts,
        out RequestProblem problem)
    {
        facts = default;
        if (!Utf8.IsValid(body))
        {
            problem = new RequestProblem("The request body is not valid UTF-8: send JSON encoded in UTF-8.", null);
            return false;
        }

        var pass = new RequestPass(dialect, body);
        bool good = pass.Read(countTokens);
        facts = pass.Facts;
        problem = pass.Problem;
        return good;
    }

    /// <summary>The length of the byte order mark that a body starts with: 3 or 0.</summary>
    internal static int ByteOrderMarkLength(ReadOnlySpan<byte> body) =>
        body.StartsWith("\uFEFF"u8) ? "\uFEFF"u8.Length : 0;
}

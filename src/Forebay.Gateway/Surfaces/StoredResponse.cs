using System.Buffers;

namespace Forebay.Gateway.Surfaces;

/// <summary>What may be asked about a response that an upstream stores.</summary>
internal enum StoredResponsePart : byte
{
    Whole,
    InputItems,
    Cancel,
}

/// <summary>A path below <c>/v1/responses/</c>.</summary>
/// <param name="Id">The response's id.</param>
/// <param name="Part">What is asked about it.</param>
internal readonly record struct StoredResponse(string Id, StoredResponsePart Part)
{
    private const string Prefix = "/v1/responses/";
    private const int LongestId = 128;

    private static readonly SearchValues<char> IdChars =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    /// <summary>The path at an upstream, without its leading slash.</summary>
    public string Path => Part switch
    {
        StoredResponsePart.InputItems => $"v1/responses/{Id}/input_items",
        StoredResponsePart.Cancel => $"v1/responses/{Id}/cancel",
        _ => $"v1/responses/{Id}",
    };

    /// <summary>Takes a path apart; false where it is none of these.</summary>
    public static bool TryParse(string path, out StoredResponse stored)
    {
        stored = default;
        if (!path.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        ReadOnlySpan<char> rest = path.AsSpan(Prefix.Length);
        int slash = rest.IndexOf('/');
        ReadOnlySpan<char> id = slash < 0 ? rest : rest[..slash];
        StoredResponsePart? part = slash < 0 ? StoredResponsePart.Whole : rest[slash..] switch
        {
            "/input_items" => StoredResponsePart.InputItems,
            "/cancel" => StoredResponsePart.Cancel,
            _ => null,
        };
        // Of the words that stand where an id does, these are paths of the vendor's that are not served.
        bool isId = id.Length is > 0 and <= LongestId
            && id.IndexOfAnyExcept(IdChars) < 0
            && id is not ("input_tokens" or "compact");
        if (!isId || part is not { } asked)
        {
            return false;
        }

        stored = new StoredResponse(id.ToString(), asked);
        return true;
    }

    /// <summary>The method that this is asked with: a whole response is read, or deleted.</summary>
    public string MethodFor(string asked) => Part switch
    {
        StoredResponsePart.Cancel => "POST",
        StoredResponsePart.Whole when asked == "DELETE" => "DELETE",
        _ => "GET",
    };
}

namespace Forebay.Protocols.Bedrock;

/// <summary>A header that is signed.</summary>
/// <param name="Name">In any case.</param>
/// <param name="Value">As it is sent.</param>
public readonly record struct SigningHeader(string Name, string Value);

/// <summary>What of a request is signed.</summary>
public readonly ref struct SigningRequest
{
    public required string Method { get; init; }

    /// <summary>The path exactly as it stands in the request line, without the query.</summary>
    public required string Path { get; init; }

    /// <summary>The query as it stands in the request line, without the question mark; empty for none.</summary>
    public string Query { get; init; }

    /// <summary>The headers signed beside those that signing adds: at least <c>host</c>.</summary>
    public required ReadOnlySpan<SigningHeader> Headers { get; init; }

    /// <summary>SHA-256 of the body, 32 bytes.</summary>
    public required ReadOnlySpan<byte> PayloadHash { get; init; }

    /// <summary>Sends and signs the body's hash as <c>x-amz-content-sha256</c>. It is part of the signature either
    /// way.</summary>
    public bool NamesPayloadHash { get; init; }

    /// <summary>Sends the session token without signing it.</summary>
    public bool LeavesTokenUnsigned { get; init; }

    /// <summary>S3's rules: the path is signed as it is sent, neither encoded again nor normalised.</summary>
    public bool KeepsPath { get; init; }

    /// <summary>Encodes the path, but leaves dots and double slashes in it: for services that do not resolve
    /// them.</summary>
    public bool KeepsDots { get; init; }
}

/// <summary>The headers that signing adds to a request.</summary>
/// <param name="Authorization">Value of <c>authorization</c>.</param>
/// <param name="Date">Value of <c>x-amz-date</c>.</param>
/// <param name="SecurityToken">Value of <c>x-amz-security-token</c>; null for none.</param>
/// <param name="ContentSha256">Value of <c>x-amz-content-sha256</c>; null for none.</param>
public readonly record struct SignedHeaders(
    string Authorization, string Date, string? SecurityToken, string? ContentSha256);

namespace Forebay.Control.Admin.Contract;

/// <summary>An API key without its secret. <c>State</c> is active, expired or revoked.</summary>
public sealed record KeyView(
    string Id,
    string Tenant,
    string Name,
    string Hint,
    string State,
    DateTimeOffset Created,
    DateTimeOffset? Expires,
    DateTimeOffset? Revoked,
    IReadOnlyList<string>? Models,
    string? DataClass);

public sealed record KeyListView(IReadOnlyList<KeyView> Keys);

/// <summary>A new key with its secret, shown this once. <c>Replaced</c> is the key that a rotation ends.</summary>
public sealed record IssuedKeyView(KeyView Key, string Secret, KeyView? Replaced);

/// <summary>Body of <c>POST /v1/keys</c>.</summary>
public sealed record CreateKeyBody(
    string? Tenant,
    string? Name,
    IReadOnlyList<string>? Models,
    DateTimeOffset? Expires,
    string? DataClass = null);

/// <summary>Body of <c>POST /v1/keys/{id}/rotate</c>.</summary>
public sealed record RotateKeyBody(double? OverlapSeconds);

/// <summary>An admin token without its secret. <c>State</c> is active, expired or revoked.</summary>
public sealed record TokenView(
    string Id,
    string Name,
    string Role,
    string Hint,
    string State,
    DateTimeOffset Created,
    DateTimeOffset? Expires,
    DateTimeOffset? Revoked);

public sealed record TokenListView(IReadOnlyList<TokenView> Tokens);

/// <summary>A new token with its secret, shown this once.</summary>
public sealed record IssuedTokenView(TokenView Token, string Secret);

/// <summary>Body of <c>POST /v1/tokens</c>.</summary>
public sealed record CreateTokenBody(string? Name, string? Role, DateTimeOffset? Expires);

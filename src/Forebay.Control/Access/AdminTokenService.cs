using System.Text.Json;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Core.Access;

namespace Forebay.Control.Access;

/// <summary>A new admin token with its secret, the only time the secret is seen.</summary>
public sealed record IssuedToken(AdminToken Token, string Secret);

/// <summary>
/// Creates, checks and revokes the tokens of the admin API. Each change is audited, then stored, then in force.
/// </summary>
public sealed class AdminTokenService(IAccessStore store, AuditedChange change, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private AdminToken[] _tokens = [];

    /// <summary>Puts the stored tokens in force; call before the admin server starts.</summary>
    public async Task LoadAsync(CancellationToken cancel) =>
        Volatile.Write(ref _tokens, [.. await store.ListTokensAsync(cancel).ConfigureAwait(false)]);

    public IReadOnlyList<AdminToken> List() => Volatile.Read(ref _tokens);

    /// <summary>
    /// Finds the token of a presented secret, whatever its state; null when there is none. Every token is compared in
    /// full, so the time taken tells nothing about which one is near. Linear in the tokens, of which there are few.
    /// </summary>
    public AdminToken? Find(ReadOnlySpan<char> secret)
    {
        if (!SecretHash.TryCompute(secret, out SecretHash hash))
        {
            return null;
        }

        AdminToken? found = null;
        foreach (AdminToken token in Volatile.Read(ref _tokens))
        {
            if (token.Hash.FixedTimeEquals(hash))
            {
                found = token;
            }
        }

        return found;
    }

    /// <summary>Whether a token can be used now.</summary>
    public bool IsUsable(AdminToken token) => AccessRules.Usable(token.ExpiresUnixMs, token.RevokedUnixMs, NowMs());

    /// <summary>Everything wrong with a new token; empty when nothing is.</summary>
    public IReadOnlyList<FieldProblem> Check(string name, DateTimeOffset? expires)
    {
        var problems = new List<FieldProblem>();
        AccessRules.CheckName(name, problems);
        AccessRules.CheckExpiry(expires, time.GetUtcNow(), problems);
        return problems;
    }

    /// <exception cref="RefusedException">The request is wrong, or the audit log cannot be written.</exception>
    public async Task<IssuedToken> CreateAsync(
        string name,
        AdminRole role,
        DateTimeOffset? expires,
        string actor,
        CancellationToken cancel)
    {
        RefusedException.ThrowIfAny(Check(name, expires));
        string secret = NewSecret.Create(NewSecret.TokenPrefix);
        var token = new AdminToken(
            NewSecret.CreateId("tok_"),
            name,
            role,
            NewSecret.HashOf(secret),
            NewSecret.HintOf(secret, NewSecret.TokenPrefix),
            NowMs(),
            expires?.ToUnixTimeMilliseconds(),
            null);
        await ChangeAsync(_ => token, "token.create", actor, cancel).ConfigureAwait(false);
        return new IssuedToken(token, secret);
    }

    /// <summary>Makes a token stop working at once; the last usable one with the role admin stays.</summary>
    public Task<AdminToken> RevokeAsync(string id, string actor, CancellationToken cancel) => ChangeAsync(
        tokens =>
        {
            AdminToken old = tokens.FirstOrDefault(t => t.Id == id) ?? throw new RefusedException(
                RefusalKind.NotFound,
                "There is no token with that id. List them with `forebay token list` or GET /v1/tokens.");
            if (old.RevokedUnixMs is not null)
            {
                throw new RefusedException(RefusalKind.Conflict, $"Token {id} is already revoked.");
            }

            if (IsUsable(old) && old.Role == AdminRole.Admin
                && !tokens.Any(t => t.Id != id && t.Role == AdminRole.Admin && IsUsable(t)))
            {
                throw new RefusedException(
                    RefusalKind.Conflict,
                    $"Token {id} is the last one with the role admin. Create another admin token first.");
            }

            return old with { RevokedUnixMs = NowMs() };
        },
        "token.revoke",
        actor,
        cancel);

    public void Dispose() => _gate.Dispose();

    private async Task<AdminToken> ChangeAsync(
        Func<AdminToken[], AdminToken> decide,
        string action,
        string actor,
        CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            AdminToken[] tokens = Volatile.Read(ref _tokens);
            AdminToken changed = decide(tokens);
            string detail = JsonSerializer.Serialize(
                new TokenDetail(
                    changed.Id,
                    changed.Name,
                    Roles.NameOf(changed.Role),
                    changed.Hint,
                    changed.ExpiresUnixMs),
                AccessJson.Default.TokenDetail);
            await change.RunAsync(new AuditNote(actor, action, changed.Id, detail), async () =>
            {
                await store.SaveTokenAsync(changed, CancellationToken.None).ConfigureAwait(false);
                Volatile.Write(ref _tokens, [.. tokens.Where(t => t.Id != changed.Id), changed]);
            }).ConfigureAwait(false);
            return changed;
        }
        finally
        {
            _gate.Release();
        }
    }

    private long NowMs() => time.GetUtcNow().ToUnixTimeMilliseconds();
}

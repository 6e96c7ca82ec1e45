using System.Text.Json;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Core.Access;
using Forebay.Core.Fleet;

namespace Forebay.Control.Access;

/// <summary>What a new API key shall be.</summary>
/// <param name="Tenant">Id of a tenant of the fleet.</param>
/// <param name="Name">What its owner calls it; 1 to 64 characters.</param>
/// <param name="Models">Ids or aliases of the models it may use; null for all that its tenant may.</param>
/// <param name="Expires">When it stops working; null for never.</param>
/// <param name="DataClass">The data class of all its requests; null for none.</param>
public sealed record KeyRequest(
    string Tenant,
    string Name,
    IReadOnlyList<string>? Models = null,
    DateTimeOffset? Expires = null,
    string? DataClass = null);

/// <summary>A new key with its secret, the only time the secret is seen.</summary>
/// <param name="Key">As stored.</param>
/// <param name="Secret">What clients send.</param>
/// <param name="Replaced">The key it takes over from, with the time it stops working; null for a new one.</param>
public sealed record IssuedKey(ApiKey Key, string Secret, ApiKey? Replaced = null);

/// <summary>
/// Creates, rotates and revokes API keys. Each change is audited, then stored, then put in force by swapping the key
/// ring. Cost: linear in the number of keys per change, since the ring is immutable; nothing on the request path.
/// </summary>
public sealed class KeyService(FleetState fleet, IAccessStore store, AuditedChange change, TimeProvider time)
    : IDisposable
{
    /// <summary>How long a rotated key goes on working unless told otherwise.</summary>
    public static readonly TimeSpan DefaultOverlap = TimeSpan.FromHours(24);

    /// <summary>The longest overlap of a rotation.</summary>
    public static readonly TimeSpan MaxOverlap = TimeSpan.FromDays(90);

    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>Puts the stored keys in force; call before the gateway starts.</summary>
    public async Task LoadAsync(CancellationToken cancel) =>
        fleet.Keys = new KeyRing(await store.ListKeysAsync(cancel).ConfigureAwait(false));

    public Task<IReadOnlyList<ApiKey>> ListAsync(CancellationToken cancel) => store.ListKeysAsync(cancel);

    /// <summary>Everything wrong with a request; empty when nothing is.</summary>
    public IReadOnlyList<FieldProblem> Check(KeyRequest request) => Check(request, fleet.Model);

    private List<FieldProblem> Check(KeyRequest request, FleetModel model)
    {
        var problems = new List<FieldProblem>();
        Tenant? tenant = model.FindTenant(request.Tenant);
        if (tenant is null)
        {
            problems.Add(new FieldProblem(
                "tenant",
                $"{Shown(request.Tenant)} is not a tenant of the fleet.",
                $"Use one of: {Some(model.Tenants.Select(t => t.Id))}; or add it to the fleet file."));
        }

        AccessRules.CheckName(request.Name, problems);
        AccessRules.CheckExpiry(request.Expires, time.GetUtcNow(), problems);
        if (request.Models is { Count: 0 })
        {
            problems.Add(new FieldProblem("models", "is empty.", "Name at least one, or leave it out for all."));
        }

        if (request.DataClass is { } id && model.FindDataClass(id) is null)
        {
            problems.Add(new FieldProblem(
                "data_class",
                $"{Shown(id)} is not a data class of the fleet.",
                $"Use one of: {Some(model.Config.DataClasses.Select(c => c.Id))}."));
        }

        for (int i = 0; i < request.Models?.Count; i++)
        {
            CheckModel($"models[{i}]", request.Models[i], model, tenant, problems);
        }

        return problems;
    }

    /// <exception cref="RefusedException">The request is wrong, or the audit log cannot be written.</exception>
    public async Task<IssuedKey> CreateAsync(KeyRequest request, string actor, CancellationToken cancel)
    {
        FleetModel model = fleet.Model;
        RefusedException.ThrowIfAny(Check(request, model));
        IReadOnlyList<string>? models = request.Models is { } named
            ? [.. named.Select(name => model.FindModel(name)!.Id).Distinct()]
            : null;
        string secret = NewSecret.Create(NewSecret.KeyPrefix);
        ApiKey key = Make(request.Tenant, request.Name, secret, request.Expires?.ToUnixTimeMilliseconds(), models,
            request.DataClass);
        await ChangeAsync(
            keys => (new AuditNote(actor, "key.create", key.Id, Describe(key)), [key]),
            cancel).ConfigureAwait(false);
        return new IssuedKey(key, secret);
    }

    /// <summary>
    /// Issues a new secret under a new id, for the same tenant, name and models. The old key works until the overlap
    /// has passed (or its own earlier expiry). A key made to expire is replaced by one with the same lifetime.
    /// </summary>
    public async Task<IssuedKey> RotateAsync(string id, TimeSpan overlap, string actor, CancellationToken cancel)
    {
        if (overlap < TimeSpan.Zero || overlap > MaxOverlap)
        {
            throw new RefusedException([new FieldProblem(
                "overlap_seconds",
                $"{overlap.TotalSeconds:0} is out of range.",
                $"Send 0 to {MaxOverlap.TotalSeconds:0} seconds ({MaxOverlap.TotalDays:0} days).")]);
        }

        IssuedKey? issued = null;
        await ChangeAsync(
            keys =>
            {
                ApiKey old = Usable(keys, id, "rotated");
                if (old.ReplacedBy is { } successor)
                {
                    // Its expiry is the overlap's, not its own: rotating it again would pass that on.
                    throw new RefusedException(
                        RefusalKind.Conflict,
                        $"Key {id} was rotated already: {successor} took its place. Rotate that.");
                }

                string secret = NewSecret.Create(NewSecret.KeyPrefix);
                long? expires = old.ExpiresUnixMs is { } end ? NowMs() + (end - old.CreatedUnixMs) : null;
                ApiKey fresh = Make(old.Tenant, old.Name, secret, expires, old.Models, old.DataClass);
                long stops = NowMs() + (long)overlap.TotalMilliseconds;
                ApiKey ending = old with
                {
                    ExpiresUnixMs = Math.Min(old.ExpiresUnixMs ?? long.MaxValue, stops),
                    ReplacedBy = fresh.Id,
                };
                issued = new IssuedKey(fresh, secret, ending);
                // The new key is stored first: a failure in between leaves the old one working.
                return (new AuditNote(actor, "key.rotate", old.Id, Describe(fresh, ending)), [fresh, ending]);
            },
            cancel).ConfigureAwait(false);
        return issued!;
    }

    /// <summary>Makes a key stop working at once.</summary>
    public async Task<ApiKey> RevokeAsync(string id, string actor, CancellationToken cancel)
    {
        ApiKey? revoked = null;
        await ChangeAsync(
            keys =>
            {
                ApiKey old = Find(keys, id);
                if (old.RevokedUnixMs is not null)
                {
                    throw new RefusedException(RefusalKind.Conflict, $"Key {id} is already revoked.");
                }

                revoked = old with { RevokedUnixMs = NowMs() };
                return (new AuditNote(actor, "key.revoke", id, Describe(revoked)), [revoked]);
            },
            cancel).ConfigureAwait(false);
        return revoked!;
    }

    public void Dispose() => _gate.Dispose();

    private async Task ChangeAsync(
        Func<IReadOnlyList<ApiKey>, (AuditNote Note, ApiKey[] Changed)> decide,
        CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            IReadOnlyList<ApiKey> keys = await store.ListKeysAsync(cancel).ConfigureAwait(false);
            (AuditNote note, ApiKey[] changed) = decide(keys);
            await change.RunAsync(note, async () =>
            {
                foreach (ApiKey key in changed)
                {
                    await store.SaveKeyAsync(key, CancellationToken.None).ConfigureAwait(false);
                }

                // Nothing between the last write and the swap can fail: what is stored is in force.
                fleet.Keys = new KeyRing(keys.Where(k => changed.All(c => c.Id != k.Id)).Concat(changed));
            }).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    private static void CheckModel(
        string field,
        string name,
        FleetModel model,
        Tenant? tenant,
        List<FieldProblem> problems)
    {
        if (model.FindModel(name) is not { } found)
        {
            problems.Add(new FieldProblem(
                field,
                $"{Shown(name)} is not a model of the fleet.",
                $"Use one of: {Some(model.Models.Select(m => m.Id))}."));
        }
        else if (tenant?.Models is { } allowed && !allowed.Contains(found.Id))
        {
            problems.Add(new FieldProblem(
                field,
                $"tenant {tenant.Id} may not use {found.Id}.",
                $"Use one of: {Some(allowed)}; or change the tenant's models in the fleet file."));
        }
    }

    private ApiKey Make(
        string tenant,
        string name,
        string secret,
        long? expiresUnixMs,
        IReadOnlyList<string>? models,
        string? dataClass) => new(
        NewSecret.CreateId("key_"),
        tenant,
        name,
        NewSecret.HashOf(secret),
        NewSecret.HintOf(secret, NewSecret.KeyPrefix),
        NowMs(),
        expiresUnixMs,
        null,
        models,
        null,
        dataClass);

    private ApiKey Usable(IReadOnlyList<ApiKey> keys, string id, string verb)
    {
        ApiKey key = Find(keys, id);
        return AccessRules.Usable(key.ExpiresUnixMs, key.RevokedUnixMs, NowMs())
            ? key
            : throw new RefusedException(
                RefusalKind.Conflict,
                $"Key {id} is revoked or expired and cannot be {verb}. Create a new key instead.");
    }

    private static ApiKey Find(IReadOnlyList<ApiKey> keys, string id) =>
        keys.FirstOrDefault(k => k.Id == id) ?? throw new RefusedException(
            RefusalKind.NotFound,
            "There is no key with that id. List them with `forebay key list` or GET /v1/keys.");

    private static string Shown(string name) => name.Length <= 128 ? name : name[..128] + "...";

    private static string Some(IEnumerable<string> names)
    {
        const int shown = 10;
        string[] sorted = [.. names.Order(StringComparer.Ordinal)];
        return sorted.Length == 0 ? "none is configured"
            : string.Join(", ", sorted.Take(shown)) + (sorted.Length > shown ? ", ..." : "");
    }

    private static string Describe(ApiKey key, ApiKey? replaced = null) => JsonSerializer.Serialize(
        new KeyDetail(
            key.Id,
            key.Tenant,
            key.Name,
            key.Hint,
            key.Models,
            key.ExpiresUnixMs,
            key.DataClass,
            replaced?.Id,
            replaced?.ExpiresUnixMs),
        AccessJson.Default.KeyDetail);

    private long NowMs() => time.GetUtcNow().ToUnixTimeMilliseconds();
}

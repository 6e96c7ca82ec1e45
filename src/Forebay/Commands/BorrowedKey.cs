using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary>
/// A key for one run of a command against the local server: made through the admin API of the data directory, revoked
/// when the run ends, and expiring by itself should the command be killed.
/// </summary>
internal sealed class BorrowedKey : IAsyncDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private readonly AdminClient _admin;
    private readonly IssuedKeyView _issued;

    private BorrowedKey(AdminClient admin, IssuedKeyView issued)
    {
        _admin = admin;
        _issued = issued;
    }

    public string Secret => _issued.Secret;

    /// <summary>What the usage ledger has of this key, by model, provider, backing and outcome.</summary>
    /// <param name="from">Start of the time asked about.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="CommandException">The server does not answer, or refused; says what to do.</exception>
    public async Task<IReadOnlyList<UsageRowView>> UsageAsync(DateTimeOffset from, CancellationToken cancel)
    {
        string start = Uri.EscapeDataString(
            from.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
        UsageView usage = await _admin
            .UsageAsync($"from={start}&group_by=key,model,provider,backing,outcome", cancel).ConfigureAwait(false);
        return [.. usage.Rows.Where(r => r.Group["key"] == _issued.Key.Id)];
    }

    /// <exception cref="CommandException">No server runs there, or it refused; says what to do.</exception>
    public static async Task<BorrowedKey> TakeAsync(
        string dataDirectory, string tenant, string name, TimeProvider time, CancellationToken cancel)
    {
        var admin = new AdminClient(ServerLocator.Find(dataDirectory, null, null));
        try
        {
            var body = new CreateKeyBody(tenant, name, null, time.GetUtcNow() + Lifetime);
            return new BorrowedKey(admin, await admin.CreateKeyAsync(body, cancel).ConfigureAwait(false));
        }
        catch
        {
            admin.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _admin.RevokeKeyAsync(_issued.Key.Id, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or CommandException)
        {
            // The server is gone or stopping; the key expires by itself.
        }
        finally
        {
            _admin.Dispose();
        }
    }
}

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

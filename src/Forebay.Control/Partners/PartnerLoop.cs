using Microsoft.Extensions.Logging;

namespace Forebay.Control.Partners;

/// <summary>Looks after the partners every now and then, until it is disposed.</summary>
public sealed class PartnerLoop : IAsyncDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(15);

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    public PartnerLoop(PartnerService partners, TimeProvider time, ILogger<PartnerLoop> logger) =>
        _loop = RunAsync(partners, time, logger);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync(PartnerService partners, TimeProvider time, ILogger logger)
    {
        using var timer = new PeriodicTimer(Every, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                try
                {
                    await partners.TickAsync(_stop.Token).ConfigureAwait(false);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    logger.PartnersNotTended(e);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }
}

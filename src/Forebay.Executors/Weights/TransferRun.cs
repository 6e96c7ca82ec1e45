using System.Security.Cryptography;
using Forebay.Core.Capacity.Transfers;

namespace Forebay.Executors.Weights;

/// <summary>
/// One transfer's I/O: fetches from where it stands, verifies part by part, stores its progress, until it is done, has
/// failed, or nobody wants it any more. What to do about trouble is decided by <see cref="TransferProgress"/>.
/// </summary>
internal sealed class TransferRun(
    TransferSpec spec,
    TransferProgress begun,
    string path,
    SiteLink link,
    TransferRunServices services)
{
    private readonly WeightsFile _file = spec.File;
    private readonly byte[] _buffer = new byte[SiteLink.MostGranted];
    private TransferProgress _progress = begun;
    private long _stored;
    private long _onDiskBytes;

    public TransferSpec Spec => spec;

    public TransferProgress Progress => Volatile.Read(ref _progress);

    /// <summary>Bytes of it on disk, the part under way included.</summary>
    public long OnDiskBytes => Volatile.Read(ref _onDiskBytes);

    /// <summary>Where the file lies once it is whole.</summary>
    public string Path => path;

    private string Partial => path + ".part";

    /// <summary>Runs until it is over. Throws only when cancelled, or when the disk fails.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        await StoreAsync(Progress).ConfigureAwait(false);
        while (!Progress.IsOver)
        {
            try
            {
                await (Progress.Phase == TransferPhase.Verifying ? VerifyAsync(cancel) : FetchAsync(cancel))
                    .ConfigureAwait(false);
            }
            finally
            {
                await StoreAsync(Progress).ConfigureAwait(false);
            }
        }
    }

    private async Task FetchAsync(CancellationToken cancel)
    {
        await WaitAsync(cancel).ConfigureAwait(false);
        await AttemptAsync(cancel).ConfigureAwait(false);
    }

    private long Now => services.Time.GetUtcNow().ToUnixTimeMilliseconds();

    private async Task WaitAsync(CancellationToken cancel)
    {
        long waitMs = Progress.NotBeforeUnixMs - Now;
        if (waitMs > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(waitMs), services.Time, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>One connection's worth.</summary>
    private async Task AttemptAsync(CancellationToken cancel)
    {
        if (link.Rate <= 0)
        {
            Set(Progress.LinkDown(LinkBackUnixMs(), Now));
            return;
        }

        bool got = false;
        await using FileStream disk = Open();
        using IncrementalHash hash = await ResumeAsync(disk, cancel).ConfigureAwait(false);
        try
        {
            await using OpenSource source = await PatientAsync(
                patience => WeightsSource.OpenAsync(_file, disk.Position, services.Http, patience), cancel)
                .ConfigureAwait(false);
            await SkipAsync(source, cancel).ConfigureAwait(false);
            while (Progress.Phase == TransferPhase.Fetching)
            {
                int read = await ReadAsync(source.Body, PartEnd() - disk.Position, cancel).ConfigureAwait(false);
                if (read == 0)
                {
                    return;
                }

                got = true;
                await disk.WriteAsync(_buffer.AsMemory(0, read), cancel).ConfigureAwait(false);
                Volatile.Write(ref _onDiskBytes, disk.Position);
                hash.AppendData(_buffer, 0, read);
                Set(Progress.Received(read, isNew: true, Now));
                if (disk.Position == PartEnd() && !await EndPartAsync(disk, hash).ConfigureAwait(false))
                {
                    return;
                }

                await StoreNowAndThenAsync().ConfigureAwait(false);
            }
        }
        catch (SourceException e)
        {
            Set(Progress.Cut(e.Message, got, e.IsRetryable, services.Options.Policy, Now, services.Jitter()));
            if (e.After is { } after)
            {
                long then = Now + (long)after.TotalMilliseconds;
                Set(Progress with { NotBeforeUnixMs = Math.Max(Progress.NotBeforeUnixMs, then) });
            }
        }
    }

    /// <summary>Where the part under way ends.</summary>
    private long PartEnd() => _file.StartOf(Progress.VerifiedParts) + _file.LengthOf(Progress.VerifiedParts);

    private FileStream Open() => new(
        Partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 1, useAsync: true);

    /// <summary>Goes to the end of what is there, and hashes what there is of the part under way.</summary>
    private async Task<IncrementalHash> ResumeAsync(FileStream disk, CancellationToken cancel)
    {
        long verified = Progress.VerifiedBytes(_file);
        if (disk.Length < verified)
        {
            Set(Progress.Lost(_file, Now));
            verified = 0;
        }

        // A part that is whole but was not verified before a kill is fetched anew from its last byte on: simpler than
        // a second way to verify, and rare.
        disk.SetLength(Math.Min(disk.Length, Math.Max(verified, PartEnd() - 1)));
        disk.Seek(verified, SeekOrigin.Begin);
        var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        int read;
        while ((read = await disk.ReadAsync(_buffer, cancel).ConfigureAwait(false)) > 0)
        {
            hash.AppendData(_buffer, 0, read);
        }

        Volatile.Write(ref _onDiskBytes, disk.Position);
        return hash;
    }

    private async Task SkipAsync(OpenSource source, CancellationToken cancel)
    {
        for (long left = source.Skip; left > 0;)
        {
            int read = await ReadAsync(source.Body, left, cancel).ConfigureAwait(false);
            if (read == 0)
            {
                throw new SourceException($"The link to {spec.Route.Site} went down.", retryable: true);
            }

            left -= read;
            Set(Progress.Received(read, isNew: false, Now));
        }
    }

    /// <summary>Reads within the link's share; 0 when the link went down, which is stored as such.</summary>
    private async Task<int> ReadAsync(Stream source, long most, CancellationToken cancel)
    {
        int granted = await link.TakeAsync(most, cancel).ConfigureAwait(false);
        if (granted == 0)
        {
            Set(Progress.LinkDown(LinkBackUnixMs(), Now));
            return 0;
        }

        try
        {
            int read = await PatientAsync(
                patience => source.ReadAsync(_buffer.AsMemory(0, granted), patience).AsTask(), cancel)
                .ConfigureAwait(false);
            return read > 0 ? read : throw new SourceException($"{_file.Source} broke off.", retryable: true);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new SourceException($"{_file.Source} broke off: {e.Message}", retryable: true, null, e);
        }
    }

    /// <summary>Waits for a source no longer than it may be silent.</summary>
    private async Task<T> PatientAsync<T>(Func<CancellationToken, Task<T>> ask, CancellationToken cancel)
    {
        using var silence = new CancellationTokenSource(services.Options.SilenceDeadline, services.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, cancel);
        try
        {
            return await ask(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new SourceException(
                $"{_file.Source} sent nothing for {services.Options.SilenceDeadline.TotalSeconds:0.#} s.",
                retryable: true);
        }
    }

    /// <returns>Whether the next part follows on the same connection.</returns>
    private async Task<bool> EndPartAsync(FileStream disk, IncrementalHash hash)
    {
        string found = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (_file.HashOf(Progress.VerifiedParts) is { } wanted && wanted != found)
        {
            disk.SetLength(_file.StartOf(Progress.VerifiedParts));
            Set(Progress.PartWrong(_file, services.Options.Policy));
            return false;
        }

        // On disk before it counts: what is stored as verified is not looked at again until the whole is.
        disk.Flush(flushToDisk: true);
        TransferProgress next = Progress.PartVerified(_file, Now);
        await StoreAsync(next).ConfigureAwait(false);
        Set(next);
        return true;
    }

    private async Task VerifyAsync(CancellationToken cancel)
    {
        if (!File.Exists(Partial) && (_file.SizeBytes > 0 || File.Exists(path)))
        {
            // Renamed, and killed before that was stored: what is there is verified again.
            if (!File.Exists(path))
            {
                Set(Progress.Lost(_file, Now));
                return;
            }

            File.Move(path, Partial);
        }

        string found;
        await using (FileStream disk = Open())
        {
            found = Convert.ToHexStringLower(await SHA256.HashDataAsync(disk, cancel).ConfigureAwait(false));
            disk.Flush(flushToDisk: true);
        }

        if (found == _file.Sha256)
        {
            File.Move(Partial, path, overwrite: true);
            Set(Progress.WholeVerified());
            return;
        }

        File.Delete(Partial);
        Set(Progress.WholeWrong(_file, services.Options.Policy));
    }

    private long LinkBackUnixMs()
    {
        long now = Now;
        long back = link.Schedule.At(now).UntilUnixMs;
        // A link that nobody knows when it comes back is looked at again soon.
        return back == long.MaxValue ? now + services.Options.Policy.MaxWaitMs : back;
    }

    private void Set(TransferProgress next) => Volatile.Write(ref _progress, next);

    private async Task StoreNowAndThenAsync()
    {
        if (services.Time.GetElapsedTime(_stored) >= services.Options.StoreEvery)
        {
            await StoreAsync(Progress).ConfigureAwait(false);
        }
    }

    /// <summary>Takes no cancellation: what was paid for is written down.</summary>
    private Task StoreAsync(TransferProgress progress)
    {
        _stored = services.Time.GetTimestamp();
        return services.Store.SaveTransferAsync(new StoredTransfer(spec, progress, Now), CancellationToken.None);
    }
}

/// <summary>What every transfer uses.</summary>
internal sealed record TransferRunServices(
    WeightsOptions Options, ITransferStore Store, HttpMessageInvoker Http, TimeProvider Time, Func<double> Jitter);

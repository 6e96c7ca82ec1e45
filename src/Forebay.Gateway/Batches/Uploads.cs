using Forebay.Core.Batches;
using Forebay.Core.Errors;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Batches;

/// <summary>Bounds the large bodies of batches and files: how many come at once, how long each may take, how many bytes
/// it may have, decoded.</summary>
internal sealed class Uploads(GatewayRuntime runtime)
{
    private int _open;

    /// <summary>Takes a body in.</summary>
    /// <param name="x">The call.</param>
    /// <param name="maxBytes">Most bytes, decoded.</param>
    /// <param name="read">Reads the body; gets it decoded and bounded.</param>
    public async Task<Failure> TakeAsync(
        Exchange x, long maxBytes, Func<Stream, CancellationToken, Task<Failure>> read)
    {
        BatchesConfig config = x.Fleet.Config.Server.Batches;
        HttpRequest request = x.Http.Request;
        if (request.ContentLength > maxBytes)
        {
            return TooLarge(maxBytes);
        }

        string? encoding = request.Headers.ContentEncoding;
        if (!ContentDecoder.IsKnown(encoding))
        {
            return new Failure(
                Reason.UnsupportedEncoding,
                $"This Content-Encoding is not supported here; send {ContentDecoder.Supported}.");
        }

        if (Interlocked.Increment(ref _open) > config.MaxUploads)
        {
            Interlocked.Decrement(ref _open);
            return new Failure(
                Reason.Overloaded, "As many batches and files are being uploaded as may be at once; try again shortly.",
                null, 5);
        }

        using var deadline = new CancellationTokenSource(
            TimeSpan.FromSeconds(config.UploadTimeoutSeconds), runtime.Time);
        using CancellationTokenRegistration gone = x.Http.RequestAborted.UnsafeRegister(
            static s => ((CancellationTokenSource)s!).Cancel(), deadline);
        try
        {
            await using Stream body = BodyReader.IsPlain(request)
                ? new BoundedBody(request.Body, maxBytes)
                : new BoundedBody(ContentDecoder.Open(encoding!, request.Body), maxBytes);
            return await read(body, deadline.Token);
        }
        catch (BodyTooLongException)
        {
            return TooLarge(maxBytes);
        }
        catch (OperationCanceledException) when (!x.Http.RequestAborted.IsCancellationRequested)
        {
            return new Failure(
                Reason.RequestTimeout,
                $"The body did not arrive within {config.UploadTimeoutSeconds} s; send it again.");
        }
        catch (Exception e) when (e is InvalidDataException or ZstdException or BadHttpRequestException)
        {
            return new Failure(
                Reason.BadRequest, "The body could not be read to its end, or not be decoded; send it again.");
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    private static Failure TooLarge(long maxBytes) => new(
        Reason.BodyTooLarge,
        $"The body is larger than {maxBytes:N0} bytes, decoded. Send less, in several batches or files.");
}

/// <summary>A body is longer than it may be.</summary>
internal sealed class BodyTooLongException : Exception;

/// <summary>Passes on what is read, up to a bound.</summary>
internal sealed class BoundedBody(Stream inner, long maxBytes) : Stream
{
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => _read; set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await inner.ReadAsync(buffer, cancellationToken);
        _read += read;
        return _read > maxBytes ? throw new BodyTooLongException() : read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

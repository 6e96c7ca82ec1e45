using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using Forebay.Core.Errors;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Bodies;

/// <summary>Why a body was not read.</summary>
/// <param name="Reason">The reason; <see cref="Core.Errors.Reason.None"/> when it was read.</param>
/// <param name="Message">What to tell the client.</param>
public readonly record struct BodyProblem(Reason Reason, string Message)
{
    public static BodyProblem None => new(Reason.None, "");
}

/// <summary>
/// Step 2, accept: reads a request body once into pooled memory, decoded, within the size limit, the time limit and the
/// global budget. The limit is checked against the declared length first, so that a large body is refused before it is
/// sent.
/// </summary>
public static class BodyReader
{
    private const int ChunkBytes = 16 * 1024;
    private const int FirstBytes = 64 * 1024;

    /// <summary>Refuses what the headers already show to be too large or in an unknown encoding.</summary>
    public static BodyProblem CheckHeaders(HttpRequest request, int maxBodyBytes)
    {
        if (request.ContentLength > maxBodyBytes)
        {
            return TooLarge(maxBodyBytes);
        }

        string? encoding = request.Headers.ContentEncoding;
        return ContentDecoder.IsKnown(encoding)
            ? BodyProblem.None
            : new BodyProblem(
                Reason.UnsupportedEncoding,
                $"Content-Encoding '{Printable(encoding)}' is not supported here; send {ContentDecoder.Supported}, " +
                "or the body as it is.");
    }

    /// <summary>Whether a body comes as it is, with nothing to decode.</summary>
    public static bool IsPlain(HttpRequest request) => IsPlain(request.Headers.ContentEncoding);

    /// <summary>Takes a plain body that has arrived already, whole. False when it has not, or must be decoded: nothing
    /// is taken then, and <see cref="ReadAsync"/> reads it.</summary>
    public static bool TryReadArrived(
        HttpRequest request,
        PooledBuffer into,
        int maxBodyBytes,
        out BodyProblem problem)
    {
        problem = BodyProblem.None;
        if (request.ContentLength is not { } length
            || length > FirstBytes
            || !IsPlain(request.Headers.ContentEncoding)
            || !TryRead(request.BodyReader, out ReadResult result))
        {
            return false;
        }

        ReadOnlySequence<byte> buffer = result.Buffer;
        if (buffer.Length < length)
        {
            // Nothing is consumed, all is examined: the next read waits for more.
            request.BodyReader.AdvanceTo(buffer.Start, buffer.End);
            return false;
        }

        if (length > maxBodyBytes)
        {
            problem = TooLarge(maxBodyBytes);
        }
        else if (!into.TryReserve((int)length))
        {
            problem = OverBudget();
        }
        else
        {
            buffer.CopyTo(into.Free.Span);
            into.Advance((int)length);
        }

        request.BodyReader.AdvanceTo(buffer.End);
        return true;
    }

    /// <summary>Reads and decodes the body into <paramref name="into"/>.</summary>
    public static async ValueTask<BodyProblem> ReadAsync(
        HttpRequest request,
        PooledBuffer into,
        int maxBodyBytes,
        CancellationToken cancel)
    {
        string? encoding = request.Headers.ContentEncoding;
        try
        {
            if (IsPlain(encoding))
            {
                return await ReadPlainAsync(request.BodyReader, request.ContentLength, into, maxBodyBytes, cancel);
            }

            await using Stream decoded = ContentDecoder.Open(encoding, request.Body);
            return await ReadDecodedAsync(decoded, into, maxBodyBytes, cancel);
        }
        catch (Exception e) when (e is InvalidDataException or ZstdException)
        {
            return new BodyProblem(
                Reason.BadRequest,
                $"The body is not valid {Printable(encoding)}: it could not be decoded.");
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status408RequestTimeout)
        {
            return new BodyProblem(Reason.RequestTimeout, "The body arrived too slowly; send it again.");
        }
        catch (BadHttpRequestException e)
        {
            return new BodyProblem(
                Reason.BadRequest,
                $"The body could not be read: {e.Message} Send as many bytes as Content-Length says.");
        }
        catch (IOException)
        {
            // Kestrel's word for a chunk size beyond all numbers, and for a connection that was reset.
            return new BodyProblem(Reason.BadRequest, "The body could not be read to its end; send it again.");
        }
    }

    private static async ValueTask<BodyProblem> ReadPlainAsync(
        PipeReader reader,
        long? declared,
        PooledBuffer into,
        int maxBodyBytes,
        CancellationToken cancel)
    {
        // What is charged to the budget follows what has arrived: a declared length by itself costs a client little.
        if (declared is { } length && !into.TryReserve((int)Math.Min(length, FirstBytes)))
        {
            return OverBudget();
        }

        while (true)
        {
            ReadResult result = await reader.ReadAsync(cancel);
            ReadOnlySequence<byte> buffer = result.Buffer;
            if (into.Length + buffer.Length > maxBodyBytes)
            {
                reader.AdvanceTo(buffer.End);
                return TooLarge(maxBodyBytes);
            }

            int bytes = (int)buffer.Length;
            if (!into.TryReserve(RoomFor(bytes, into, declared)) && !into.TryReserve(bytes))
            {
                reader.AdvanceTo(buffer.End);
                return OverBudget();
            }

            buffer.CopyTo(into.Free.Span);
            into.Advance(bytes);
            reader.AdvanceTo(buffer.End);
            if (result.IsCompleted)
            {
                return BodyProblem.None;
            }
        }
    }

    /// <summary>What to make room for so that bytes fit: where more was declared, up to four times what has arrived, so
    /// that a large body is copied once or twice on its way and not at each doubling.</summary>
    private static int RoomFor(int bytes, PooledBuffer into, long? declared)
    {
        if (bytes <= into.Free.Length || declared is not { } length)
        {
            return bytes;
        }

        long arrived = (long)into.Length + bytes;
        return (int)Math.Max(bytes, Math.Min(length, 4 * arrived) - into.Length);
    }

    private static async ValueTask<BodyProblem> ReadDecodedAsync(
        Stream decoded,
        PooledBuffer into,
        int maxBodyBytes,
        CancellationToken cancel)
    {
        while (true)
        {
            if (!into.TryReserve(ChunkBytes))
            {
                return OverBudget();
            }

            int read = await decoded.ReadAsync(into.Free, cancel);
            if (read == 0)
            {
                return BodyProblem.None;
            }

            into.Advance(read);
            if (into.Length > maxBodyBytes)
            {
                return TooLarge(maxBodyBytes);
            }
        }
    }

    /// <summary>What is wrong with the connection is met again, and put into words, by the read that follows.</summary>
    private static bool TryRead(PipeReader reader, out ReadResult result)
    {
        try
        {
            return reader.TryRead(out result);
        }
        catch (Exception e) when (e is BadHttpRequestException or IOException)
        {
            result = default;
            return false;
        }
    }

    private static bool IsPlain([NotNullWhen(false)] string? encoding) =>
        string.IsNullOrEmpty(encoding) || encoding.Equals("identity", StringComparison.OrdinalIgnoreCase);

    private static BodyProblem TooLarge(int maxBodyBytes) => new(
        Reason.BodyTooLarge,
        $"The body is larger than {maxBodyBytes:N0} bytes, decoded. Send less, or raise " +
        "server.gateway.max_body_bytes.");

    private static BodyProblem OverBudget() => new(
        Reason.MemoryBudget,
        "The server holds as many request bytes as it may; try again shortly.");

    private static string Printable(string? text)
    {
        string cut = text is null ? "" : text.Length <= 40 ? text : text[..40] + "...";
        return string.Concat(cut.Where(c => c is >= ' ' and < (char)127));
    }
}

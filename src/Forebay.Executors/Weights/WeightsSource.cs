using System.Net;
using System.Net.Http.Headers;
using Forebay.Core.Capacity.Transfers;

namespace Forebay.Executors.Weights;

/// <summary>A source broke off or refused; the message says what it did.</summary>
/// <param name="message">In words.</param>
/// <param name="retryable">Whether asking again can help.</param>
/// <param name="after">How long it asked to be left alone.</param>
/// <param name="inner">What it was told by.</param>
internal sealed class SourceException(string message, bool retryable, TimeSpan? after = null, Exception? inner = null)
    : Exception(message, inner)
{
    public bool IsRetryable { get; } = retryable;

    public TimeSpan? After { get; } = after;
}

/// <summary>An open source.</summary>
/// <param name="Body">Its bytes.</param>
/// <param name="Skip">How many of them come before what was asked for: a source that knows no ranges begins at 0.
/// </param>
/// <param name="Owner">Disposed with it.</param>
internal sealed record OpenSource(Stream Body, long Skip, IDisposable? Owner) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        await Body.DisposeAsync().ConfigureAwait(false);
        Owner?.Dispose();
    }
}

/// <summary>Opens weights where they come from: a file, or HTTP by range.</summary>
internal static class WeightsSource
{
    /// <exception cref="SourceException">It cannot be opened there.</exception>
    public static Task<OpenSource> OpenAsync(
        WeightsFile file, long offset, HttpMessageInvoker http, CancellationToken cancel) => file.Source.IsFile
        ? Task.FromResult(OpenFile(file, offset))
        : OpenHttpAsync(file, offset, http, cancel);

    private static OpenSource OpenFile(WeightsFile file, long offset)
    {
        string path = file.Source.LocalPath;
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, useAsync: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SourceException($"{path} cannot be read: {e.Message}", retryable: false, null, e);
        }

        if (stream.Length != file.SizeBytes)
        {
            long length = stream.Length;
            stream.Dispose();
            throw WrongSize(file, length);
        }

        stream.Seek(offset, SeekOrigin.Begin);
        return new OpenSource(stream, 0, null);
    }

    private static async Task<OpenSource> OpenHttpAsync(
        WeightsFile file, long offset, HttpMessageInvoker http, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, file.Source);
        request.Headers.Range = new RangeHeaderValue(offset, null);
        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, cancel).ConfigureAwait(false);
        }
        catch (HttpRequestException e)
        {
            throw new SourceException($"{file.Source} cannot be reached: {e.Message}", retryable: true, null, e);
        }

        try
        {
            long skip = SkipOf(file, offset, response);
            return new OpenSource(
                await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false), skip, response);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>Checks that the answer is the file, and says where it begins.</summary>
    private static long SkipOf(WeightsFile file, long offset, HttpResponseMessage response)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.PartialContent:
                ContentRangeHeaderValue? range = response.Content.Headers.ContentRange;
                if (range?.From is not { } from || from > offset)
                {
                    throw new SourceException(
                        $"{file.Source} answered with another range than it was asked for.", retryable: true);
                }

                return range.Length is { } length && length != file.SizeBytes
                    ? throw WrongSize(file, length)
                    : offset - from;
            case HttpStatusCode.OK:
                return response.Content.Headers.ContentLength is { } whole && whole != file.SizeBytes
                    ? throw WrongSize(file, whole)
                    : offset;
            case HttpStatusCode.RequestedRangeNotSatisfiable:
                throw new SourceException(
                    $"{file.Source} is shorter than {file.SizeBytes} bytes. Correct the source or the manifest.",
                    retryable: false);
            default:
                int status = (int)response.StatusCode;
                bool retryable = status is 408 or 425 or 429 or >= 500;
                throw new SourceException(
                    $"{file.Source} answered {status}." + (retryable ? "" : " Correct the source, or its permissions."),
                    retryable,
                    response.Headers.RetryAfter?.Delta);
        }
    }

    private static SourceException WrongSize(WeightsFile file, long found) => new(
        $"{file.Source} has {found} bytes, the manifest says {file.SizeBytes}. Correct the source or the manifest.",
        retryable: false);
}

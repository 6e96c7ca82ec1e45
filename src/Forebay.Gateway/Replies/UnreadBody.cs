using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Replies;

/// <summary>
/// After an early refusal the client may still be sending. Its bytes are read and dropped for a while, because closing
/// over unread bytes resets the connection and takes the refusal with it; then the connection ends.
/// </summary>
internal static class UnreadBody
{
    private const long MaxBytes = 64 * 1024 * 1024;
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(5);

    public static async Task DrainAsync(HttpContext http)
    {
        // A client that asked first (100-continue) has not sent anything, and now will not.
        if (http.Request.Headers.Expect.Count > 0)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        limit.CancelAfter(MaxTime);
        try
        {
            long dropped = 0;
            while (dropped < MaxBytes)
            {
                ReadResult result = await http.Request.BodyReader.ReadAsync(limit.Token);
                dropped += result.Buffer.Length;
                http.Request.BodyReader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or BadHttpRequestException
            or InvalidOperationException)
        {
            // The client left or dawdled: the connection closes either way.
        }
    }
}

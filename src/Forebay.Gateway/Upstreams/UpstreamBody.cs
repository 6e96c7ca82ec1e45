using System.Net.Http.Headers;
using Forebay.Gateway.Bodies;

namespace Forebay.Gateway.Upstreams;

/// <summary>An upstream's body as it was before any encoding: we ask for none, but some servers and what stands before
/// them compress all the same, errors most of all.</summary>
internal static class UpstreamBody
{
    /// <summary>Opens the body; the caller limits how much comes out, and closes the response, which closes what a
    /// decoder reads from.</summary>
    /// <exception cref="InvalidDataException">It is in an encoding that is not known here.</exception>
    public static async Task<Stream> OpenAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        Stream body = await response.Content.ReadAsStreamAsync(cancel);
        if (!response.Content.Headers.NonValidated.TryGetValues("Content-Encoding", out HeaderStringValues encodings))
        {
            return body;
        }

        string encoding = encodings.ToString();
        return ContentDecoder.IsKnown(encoding)
            ? ContentDecoder.Open(encoding, body)
            : throw new InvalidDataException("The upstream's content encoding is not known.");
    }
}

using System.Net;
using System.Security.Cryptography;
using Forebay.Protocols;

namespace Forebay.Gateway.Upstreams;

/// <summary>A request body sent as it came but for a few splices: segments of the client's bytes and the inserts
/// between them, never a copy of the whole.</summary>
internal sealed class SplicedContent(ReadOnlyMemory<byte> body, SpliceList splices) : HttpContent
{
    /// <summary>Whether it takes long to go through.</summary>
    public bool IsLong => body.Length > LongWork.Bytes;

    /// <summary>Hashes what is sent.</summary>
    public void AppendTo(IncrementalHash hash)
    {
        foreach (ReadOnlyMemory<byte> segment in splices.Segments(body))
        {
            hash.AppendData(segment.Span);
        }
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(
        Stream stream,
        TransportContext? context,
        CancellationToken cancellationToken)
    {
        int at = 0;
        for (int i = 0; i < splices.Count; i++)
        {
            Splice splice = splices[i];
            await stream.WriteAsync(body[at..splice.Start], cancellationToken);
            await stream.WriteAsync(splice.Insert, cancellationToken);
            at = splice.Start + splice.RemoveLength;
        }

        await stream.WriteAsync(body[at..], cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = splices.ResultLength(body.Length);
        return true;
    }
}

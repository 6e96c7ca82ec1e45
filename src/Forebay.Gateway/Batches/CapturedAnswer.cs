using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Forebay.Gateway.Batches;

/// <summary>In place of a connection: a request from memory, and an answer into memory.</summary>
internal sealed class CapturedAnswer : IHttpRequestLifetimeFeature, IDisposable
{
    /// <summary>Longest answer that is kept.</summary>
    public const int MaxBytes = 64 * 1024 * 1024;

    private readonly CancellationTokenSource _aborted = new();
    private readonly Bounded _body = new();

    /// <summary>What was answered.</summary>
    public ReadOnlySpan<byte> Body => _body.Kept;

    /// <summary>It is not whole.</summary>
    public bool IsBroken => _aborted.IsCancellationRequested || IsTooLarge;

    public bool IsTooLarge => _body.IsOver;

    public CancellationToken RequestAborted { get => _aborted.Token; set => throw new NotSupportedException(); }

    public void Abort() => _aborted.Cancel();

    /// <summary>The request, as one that came over a connection would look.</summary>
    public HttpContext Request(string path, IReadOnlyDictionary<string, string> headers, ReadOnlyMemory<byte> body)
    {
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(new HttpRequestFeature());
        features.Set<IHttpResponseFeature>(new HttpResponseFeature());
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(_body));
        features.Set<IHttpRequestLifetimeFeature>(this);
        var http = new DefaultHttpContext(features);
        HttpRequest request = http.Request;
        request.Method = HttpMethods.Post;
        request.Scheme = "http";
        request.Protocol = "HTTP/1.1";
        request.Path = path;
        request.Headers.ContentType = "application/json";
        foreach ((string name, string value) in headers)
        {
            request.Headers[name] = value;
        }

        request.ContentLength = body.Length;
        request.Body = new MemoryStream(body.ToArray(), writable: false);
        return http;
    }

    public void Dispose()
    {
        _aborted.Dispose();
        _body.Dispose();
    }

    /// <summary>Takes what fits; what follows is dropped.</summary>
    private sealed class Bounded : Stream
    {
        private readonly MemoryStream _kept = new();

        public bool IsOver { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _kept.Length;

        public override long Position { get => Length; set => throw new NotSupportedException(); }

        public ReadOnlySpan<byte> Kept => _kept.GetBuffer().AsSpan(0, (int)_kept.Length);

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            IsOver |= Length + buffer.Length > MaxBytes;
            if (!IsOver)
            {
                _kept.Write(buffer);
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        {
            Write(buffer.AsSpan(offset, count));
            return Task.CompletedTask;
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}

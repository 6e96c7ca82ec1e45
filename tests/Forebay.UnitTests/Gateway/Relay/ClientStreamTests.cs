using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Forebay.Core.Time;
using Forebay.Gateway.Relay;
using Forebay.Protocols;
using Forebay.TestKit.Time;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace Forebay.UnitTests.Gateway.Relay;

public sealed class ClientStreamTests
{
    private readonly Pipe _pipe = new();
    private readonly ManualTime _time = new();
    private readonly ClientStream _stream;

    public ClientStreamTests()
    {
        var http = new DefaultHttpContext();
        http.Features.Set<IHttpResponseBodyFeature>(new PipeBody(_pipe.Writer));
        _stream = new ClientStream(http, WireDialect.Anthropic, _time);
    }

    [Fact]
    public async Task Silence_is_filled_with_comments_before_content_and_pings_after_it_and_nothing_after_the_end()
    {
        var silence = TimeSpan.FromSeconds(10);
        await _stream.KeepAliveAsync(Instant.From(_time), silence);
        _time.Advance(silence);
        await _stream.KeepAliveAsync(Instant.From(_time), silence);
        await _stream.KeepAliveAsync(Instant.From(_time), silence);
        await WriteAsync("event: a\ndata: {}\n\n");
        _time.Advance(silence);
        await _stream.KeepAliveAsync(Instant.From(_time), silence);
        await _stream.EndAsync(default, CancellationToken.None);
        _time.Advance(silence);
        await _stream.KeepAliveAsync(Instant.From(_time), silence);

        string expected = Encoding.UTF8.GetString(KeepAlive.For(WireDialect.Anthropic, false).Span)
            + "event: a\ndata: {}\n\n" + Encoding.UTF8.GetString(KeepAlive.For(WireDialect.Anthropic, true).Span);
        Assert.Equal(expected, Written());
    }

    [Fact]
    public async Task A_keep_alive_never_gets_into_an_event_that_is_being_written()
    {
        await _stream.AcquireAsync(CancellationToken.None);
        _stream.Write("event: a\n"u8, content: true);
        _time.Advance(TimeSpan.FromMinutes(1));

        await _stream.KeepAliveAsync(Instant.From(_time), TimeSpan.FromSeconds(1));

        _stream.Write("data: {}\n\n"u8, content: true);
        await _stream.ReleaseAsync(CancellationToken.None);
        Assert.Equal("event: a\ndata: {}\n\n", Written());
    }

    [Fact]
    public async Task A_client_that_left_is_known_by_the_first_write_that_finds_out()
    {
        await WriteAsync("event: a\ndata: {}\n\n");
        Assert.False(_stream.ClientLeft);
        await _pipe.Reader.CompleteAsync();

        await Assert.ThrowsAsync<OperationCanceledException>(() => WriteAsync("event: b\ndata: {}\n\n"));

        Assert.True(_stream.ClientLeft);
    }

    /// <summary>A megabyte to a client that takes half a minute for every piece: no write waits longer than that, and the
    /// server never holds more than a few pieces.</summary>
    [Fact]
    public async Task A_large_event_goes_out_in_pieces_so_that_a_slow_client_is_not_taken_for_a_stalled_one()
    {
        byte[] large = Encoding.UTF8.GetBytes($"event: a\ndata: {new string('x', 1 << 20)}\n\n");
        Task sending = SendLargeAsync(large);
        var read = new List<byte>();
        while (read.Count < large.Length)
        {
            ReadResult result = await _pipe.Reader.ReadAsync();
            Assert.InRange(result.Buffer.Length, 1, 3 * ClientStream.PieceBytes);
            long waiting = _stream.FlushStartedNs;
            Assert.True(waiting == 0 || Instant.From(_time).MonotonicNs - waiting <= 30 * Instant.NsPerSecond);
            read.AddRange(result.Buffer.ToArray());
            _time.Advance(TimeSpan.FromSeconds(30));
            _pipe.Reader.AdvanceTo(result.Buffer.End);
        }

        await sending;
        Assert.Equal(large, read);
        Assert.Equal(0, _stream.FlushStartedNs);
    }

    private async Task SendLargeAsync(byte[] wholeEvent)
    {
        await _stream.AcquireAsync(CancellationToken.None);
        await _stream.WriteLargeAsync(wholeEvent, content: true, CancellationToken.None);
        await _stream.ReleaseAsync(CancellationToken.None);
    }

    private async Task WriteAsync(string text)
    {
        await _stream.AcquireAsync(CancellationToken.None);
        _stream.Write(Encoding.UTF8.GetBytes(text), content: true);
        await _stream.ReleaseAsync(CancellationToken.None);
    }

    private string Written()
    {
        Assert.True(_pipe.Reader.TryRead(out ReadResult result));
        return Encoding.UTF8.GetString(result.Buffer);
    }

    private sealed class PipeBody(PipeWriter writer) : IHttpResponseBodyFeature
    {
        public Stream Stream => writer.AsStream();

        public PipeWriter Writer => writer;

        public void DisableBuffering()
        {
        }

        public Task StartAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

        public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public Task CompleteAsync() => Task.CompletedTask;
    }
}

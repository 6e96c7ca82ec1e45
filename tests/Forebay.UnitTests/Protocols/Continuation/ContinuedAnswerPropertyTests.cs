using System.Buffers;
using System.Text;
using System.Text.Json;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.UnitTests.Protocols.Continuation;

/// <summary>
/// For any text, any way to cut it into events and any place where the stream breaks off, twice: what the client reads is
/// the text, once. The seed of a run is in its message.
/// </summary>
public sealed class ContinuedAnswerPropertyTests
{
    private const int Runs = 1500;

    [Theory]
    [InlineData(WireDialect.Anthropic, false)]
    [InlineData(WireDialect.Anthropic, true)]
    [InlineData(WireDialect.OpenAi, false)]
    [InlineData(WireDialect.OpenAi, true)]
    public void Parts_put_together_are_the_whole(WireDialect dialect, bool splitsCharacters)
    {
        int continued = 0;
        for (int seed = 0; seed < Runs; seed++)
        {
            var run = new Run(dialect, seed, splitsCharacters);
            continued += run.Go();
        }

        // Most break off where going on is possible: the property is not true for want of cases.
        Assert.True(continued > Runs / 2, $"only {continued} were gone on with");
    }

    private sealed class Run
    {
        private readonly WireDialect _dialect;
        private readonly string _seedText;
        private readonly bool _splits;
        private readonly Random _chance;
        private readonly string _text;
        private readonly byte[] _body;
        private readonly RequestFacts _facts;
        private readonly ArrayBufferWriter<byte> _raw = new();
        private readonly AnswerSoFar _soFar;

        public Run(WireDialect dialect, int seed, bool splits)
        {
            (_dialect, _seedText, _splits) = (dialect, $"{dialect} seed {seed}", splits);
            _chance = new Random(seed);
            _text = UnicodeModel.TextOf(seed);
            _soFar = new AnswerSoFar(dialect, _raw);
            _body = Encoding.UTF8.GetBytes(
                """{"model":"m","max_tokens":1000,"stream":true,"messages":[ {"role":"user","content":"Hi"} ] }""");
            Assert.True(RequestReader.TryRead(dialect, _body, false, out _facts, out _));
        }

        public int Go()
        {
            int parts = 0;
            string begun = "";
            StreamSeam? seam = null;
            var observer = new StreamObserver(_dialect, default);
            var first = default(WireUsage);
            while (true)
            {
                bool last = parts == 2 || _chance.Next(8) == 0;
                bool ended = Send(begun, observer, seam, last);
                if (ended)
                {
                    Assert.True(TextOf(_raw.WrittenSpan) == _text, $"{_seedText}: the text differs");
                    return parts > 0 ? 1 : 0;
                }

                first = parts == 0 ? observer.Usage : first;
                if (_soFar.HasStopped)
                {
                    return 0;
                }

                var next = ContinuedRequest.Of(_dialect, _body, _facts, _soFar, _raw.WrittenSpan, asksToContinue: false);
                if (next.Bar == ContinuationBar.Character)
                {
                    Assert.True(_splits, _seedText);
                    return 0;
                }

                Assert.True(next.Bar == ContinuationBar.None, $"{_seedText}: {next.Bar}");
                begun = BegunBy(next);
                observer = new StreamObserver(_dialect, default);
                var usage = new ContinuedUsage(first, next.TextTokens);
                seam = StreamSeam.Of(_dialect, _soFar, observer, usage, next.WhiteSpace);
                parts++;
            }
        }

        /// <summary>The text that the continued request hands back: a beginning of the answer that ends in ink.</summary>
        private string BegunBy(ContinuedRequest next)
        {
            var output = new ArrayBufferWriter<byte>();
            next.Write(_body, output);
            string begun = UnicodeModel.BegunIn(output.WrittenSpan.ToArray()) ?? "";
            Assert.True(_text.StartsWith(begun, StringComparison.Ordinal), $"{_seedText}: it hands back another text");
            Assert.True(begun.Length == 0 || !char.IsWhiteSpace(begun[^1]), $"{_seedText}: it ends in white space");
            using JsonDocument request = JsonDocument.Parse(output.WrittenMemory);
            Assert.Equal(1000 - next.TextTokens, request.RootElement.GetProperty("max_tokens").GetInt64());
            return begun;
        }

        /// <summary>Sends a part up to a random byte; true when the client has the end.</summary>
        private bool Send(string begun, StreamObserver observer, StreamSeam? seam, bool whole)
        {
            byte[] stream = [.. UnicodeModel.Stream(
                _dialect == WireDialect.Anthropic, _text[begun.Length..], 100, _chance, _splits).SelectMany(e => e)];
            ReadOnlySpan<byte> rest = stream.AsSpan(0, whole ? stream.Length : _chance.Next(stream.Length));
            var rewritten = new ArrayBufferWriter<byte>();
            var joined = new ArrayBufferWriter<byte>();
            bool ended = false;
            while (SseFraming.TryReadEvent(rest, out int length))
            {
                rewritten.ResetWrittenCount();
                joined.ResetWrittenCount();
                ended |= observer.Observe(rest[..length], rewritten, out _) == StreamEventKind.Terminal;
                if (seam is null)
                {
                    joined.Write(rest[..length]);
                }
                else
                {
                    Assert.True(seam.Take(rest[..length], joined), $"{_seedText}: torn");
                }

                _soFar.Follow(joined.WrittenSpan);
                rest = rest[length..];
            }

            return ended;
        }

        private string TextOf(ReadOnlySpan<byte> raw)
        {
            byte[] json = [(byte)'"', .. raw, (byte)'"'];
            return JsonSerializer.Deserialize<string>(json)!;
        }
    }
}

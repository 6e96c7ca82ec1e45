using System.Net;
using System.Text;
using Forebay.Gateway.Upstreams;
using Forebay.TestKit.Fuzzing;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.UnitTests.Fuzz;

/// <summary>Headers of any bytes, both ways: nothing throws, no credential crosses, nothing is forged.</summary>
public sealed class HeaderFuzzTests
{
    private const string Mark = "client-secret-mark";

    private static readonly string[] Names =
    [
        "x-api-key", "authorization", "cookie", "connection", "content-type", "content-length", "content-encoding", "host",
        "x-forebay-provider", "anthropic-beta", "anthropic-version", "anthropic-ratelimit-requests-limit", "traceparent",
        "transfer-encoding", "upgrade", "set-cookie", "retry-after", "request-id", "openai-organization", "x-note", "date",
        "content-range", "content-disposition", "expires", "allow", "last-modified", "proxy-authorization", "te", "trailer",
    ];

    private static readonly string[] Secret = ["x-api-key", "authorization", "cookie", "proxy-authorization"];

    [Fact]
    public void Any_headers_of_a_client_cross_or_stay_and_no_credential_crosses() => FuzzRun.Each(
        "request headers", 20_000, random =>
        {
            var headers = new HeaderDictionary();
            foreach (string name in Picked(random))
            {
                bool secret = Secret.Contains(name.ToLowerInvariant());
                headers.Append(name, secret ? Mark + Value(random) : Value(random));
            }

            using var to = new HttpRequestMessage(HttpMethod.Post, "http://upstream/") { Content = new ByteArrayContent([]) };
            HeaderPolicy.CopyRequest(headers, to);

            string sent = to.Headers.NonValidated.ToString() + to.Content.Headers.NonValidated.ToString()
                + string.Concat(to.Headers.NonValidated.SelectMany(h => h.Value))
                + string.Concat(to.Content.Headers.NonValidated.SelectMany(h => h.Value));
            Assert.DoesNotContain(Mark, sent);
            Assert.False(to.Headers.NonValidated.Contains("x-api-key"));
            Assert.False(to.Headers.NonValidated.Contains("x-forebay-provider"));
        });

    [Fact]
    public void Any_headers_of_an_upstream_come_back_or_stay_and_none_is_forged() => FuzzRun.Each(
        "answer headers", 20_000, random =>
        {
            using var from = new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent([]) };
            foreach (string name in Picked(random))
            {
                _ = from.Headers.TryAddWithoutValidation(name, Value(random))
                    || from.Content.Headers.TryAddWithoutValidation(name, Value(random));
            }

            var to = new HeaderDictionary { ["request-id"] = "ours" };
            HeaderPolicy.CopyResponse(from, to, translated: false);

            Assert.Equal("ours", to["request-id"]);
            Assert.All(to, h =>
            {
                Assert.False(h.Key.StartsWith("x-forebay-", StringComparison.OrdinalIgnoreCase), h.Key);
                Assert.False(h.Key.Equals("set-cookie", StringComparison.OrdinalIgnoreCase), h.Key);
                Assert.DoesNotContain(h.Value, v => v!.Any(c => (c < ' ' && c != '\t') || c == 127));
            });
        });

    private static IEnumerable<string> Picked(Random random)
    {
        for (int i = random.Next(1, 8); i > 0; i--)
        {
            string name = Names[random.Next(Names.Length)];
            yield return random.Next(4) switch
            {
                0 => name.ToUpperInvariant(),
                1 => name + (char)random.Next('a', 'z'),
                _ => name,
            };
        }
    }

    private static string Value(Random random)
    {
        string[] known = ["keep-alive, x-note", "close", "x-api-key", "gzip", "identity", "0", "-1", "a, b", "\"", "=", ";", ""];
        byte[] bytes = ByteMutation.Of(
            Encoding.ASCII.GetBytes(known[random.Next(known.Length)]), Encoding.ASCII.GetBytes("x-hop, x-note"), random);
        // What the server's parser lets through: any byte but the line ends and NUL.
        return new string([.. Encoding.Latin1.GetString(bytes).Where(c => c is not ('\r' or '\n' or '\0')).Take(500)]);
    }
}

using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols.Bedrock;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Protocols.Bedrock.Signing;

/// <summary>AWS's own suite: each case's canonical request, string to sign, signature and headers.</summary>
public sealed class SigV4SuiteTests
{
    private const string Suite = "api/data/sigv4/v4";

    /// <summary>How many cases there are, so that none goes missing unnoticed.</summary>
    private const int Cases = 38;

    [Fact]
    public void Every_case_of_the_suite_is_signed_as_it_says()
    {
        string? folder = SharedFiles.Find(Suite);
        Assert.SkipWhen(folder is null, SharedFiles.SkipReason(Suite));
        int cases = 0;
        foreach (string test in Directory.EnumerateDirectories(folder!))
        {
            Check(test);
            cases++;
        }

        Assert.Equal(Cases, cases);
    }

    private static void Check(string test)
    {
        string name = Path.GetFileName(test);
        JsonNode context = JsonNode.Parse(Text(test, "context.json"))!;
        JsonNode credentials = context["credentials"]!;
        DateTimeOffset at = DateTimeOffset.Parse((string)context["timestamp"]!);
        var key = SigningKey.Derive(
            new AwsCredentials(
                (string)credentials["access_key_id"]!,
                (string)credentials["secret_access_key"]!,
                (string?)credentials["token"]),
            (string)context["region"]!,
            (string)context["service"]!,
            at);
        (string method, string path, string query, SigningHeader[] headers, string body) = Parse(Text(test, "request.txt"));
        var request = new SigningRequest
        {
            Method = method,
            Path = path,
            Query = query,
            Headers = headers,
            PayloadHash = SHA256.HashData(Encoding.UTF8.GetBytes(body)),
            NamesPayloadHash = (bool)context["sign_body"]!,
            LeavesTokenUnsigned = (bool?)context["omit_session_token"] ?? false,
            KeepsDots = !(bool)context["normalize"]!,
        };

        (string canonical, string toSign) = SigV4.Explain(key, at, request);
        Assert.True(Text(test, "header-canonical-request.txt") == canonical, $"{name}\n{canonical}");
        Assert.True(Text(test, "header-string-to-sign.txt") == toSign, $"{name}\n{toSign}");
        SignedHeaders signed = SigV4.Sign(key, at, request);
        string[] expected = Text(test, "header-signed-request.txt").Split('\n');
        Assert.EndsWith($"Signature={Text(test, "header-signature.txt").Trim()}", signed.Authorization);
        Assert.Contains($"Authorization:{signed.Authorization}", expected);
        Assert.Contains($"X-Amz-Date:{signed.Date}", expected);
        Assert.Equal(signed.SecurityToken, Value(expected, "X-Amz-Security-Token:"));
        Assert.Equal(signed.ContentSha256, Value(expected, "x-amz-content-sha256:"));
    }

    private static (string Method, string Path, string Query, SigningHeader[] Headers, string Body) Parse(string request)
    {
        string[] parts = request.Split("\n\n", 2);
        string[] lines = parts[0].TrimEnd('\n').Split('\n');
        int space = lines[0].IndexOf(' ');
        string target = lines[0][(space + 1)..lines[0].LastIndexOf(' ')];
        int mark = target.IndexOf('?');
        var headers = new List<SigningHeader>();
        foreach (string line in lines[1..])
        {
            if (char.IsWhiteSpace(line[0]))
            {
                headers[^1] = headers[^1] with { Value = $"{headers[^1].Value}\n{line}" };
                continue;
            }

            int colon = line.IndexOf(':');
            headers.Add(new SigningHeader(line[..colon], line[(colon + 1)..]));
        }

        return (
            lines[0][..space],
            mark < 0 ? target : target[..mark],
            mark < 0 ? "" : target[(mark + 1)..],
            [.. headers],
            parts.Length > 1 ? parts[1] : "");
    }

    private static string? Value(string[] lines, string header) => lines
        .Where(l => l.StartsWith(header, StringComparison.Ordinal))
        .Select(l => l[header.Length..])
        .SingleOrDefault();

    private static string Text(string test, string file) =>
        File.ReadAllText(Path.Combine(test, file)).Replace("\r\n", "\n", StringComparison.Ordinal);
}

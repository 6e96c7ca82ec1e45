using System.Security.Cryptography;
using Forebay.Protocols.Bedrock;
using Xunit;

namespace Forebay.UnitTests.Protocols.Bedrock.Signing;

public sealed class SigV4Tests
{
    private static readonly DateTimeOffset At = new(2026, 11, 22, 23, 59, 58, TimeSpan.Zero);
    private static readonly AwsCredentials Credentials = new("AKID", "secret", null);

    /// <summary>The path is encoded once more than it is sent, in both spellings that clients send.</summary>
    [Theory]
    [InlineData("/model/us.anthropic.claude-v1%3A0/invoke", "/model/us.anthropic.claude-v1%253A0/invoke")]
    [InlineData("/model/us.anthropic.claude-v1:0/invoke", "/model/us.anthropic.claude-v1%3A0/invoke")]
    [InlineData("/model/arn%3Aaws%3Abedrock%3Aprofile%2Fx/invoke", "/model/arn%253Aaws%253Abedrock%253Aprofile%252Fx/invoke")]
    public void The_path_is_encoded_as_it_was_sent(string path, string canonical)
    {
        string[] lines = SigV4.Explain(Key(), At, Request(path)).CanonicalRequest.Split('\n');

        Assert.Equal(canonical, lines[1]);
    }

    [Fact]
    public void S3_signs_the_path_as_it_is_sent()
    {
        SigningRequest request = new()
        {
            Method = "GET", Path = "/a//b%20c", KeepsPath = true, Headers = [new("host", "h")], PayloadHash = new byte[32],
        };

        Assert.Equal("/a//b%20c", SigV4.Explain(Key(), At, request).CanonicalRequest.Split('\n')[1]);
    }

    [Fact]
    public void A_key_is_one_days_in_UTC_whatever_the_offset()
    {
        SigningKey key = Key();

        Assert.True(key.Covers(At.ToOffset(TimeSpan.FromHours(9))));
        Assert.False(key.Covers(At.AddSeconds(3)));
        Assert.Throws<ArgumentException>(() => SigV4.Sign(key, At.AddSeconds(3), Request("/")));
    }

    [Fact]
    public void Nothing_secret_is_printed()
    {
        var credentials = new AwsCredentials("AKID", "hush", "token");

        Assert.DoesNotContain("hush", $"{credentials}{SigningKey.Derive(credentials, "r", "s", At)}", StringComparison.Ordinal);
        Assert.DoesNotContain("token", $"{credentials}", StringComparison.Ordinal);
    }

    /// <summary>Buffers are used again: what was signed before leaves no trace, on any thread.</summary>
    [Fact]
    public void Signatures_do_not_depend_on_what_was_signed_before()
    {
        string once = SigV4.Sign(Key(), At, Request("/a")).Authorization;
        Parallel.For(0, 200, i =>
        {
            _ = SigV4.Sign(Key(), At, Request(new string('x', 50 * (i % 60))));
            Assert.Equal(once, SigV4.Sign(Key(), At, Request("/a")).Authorization);
        });
    }

    private static SigningKey Key() => SigningKey.Derive(Credentials, "us-east-1", "bedrock", At);

    private static SigningRequest Request(string path) => new()
    {
        Method = "POST",
        Path = path,
        Headers = (SigningHeader[])
        [
            new("host", "bedrock-runtime.us-east-1.amazonaws.com"), new("Content-Type", "application/json"),
        ],
        PayloadHash = SHA256.HashData("{}"u8),
    };
}

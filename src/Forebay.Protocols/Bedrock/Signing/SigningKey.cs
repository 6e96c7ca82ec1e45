using System.Security.Cryptography;
using System.Text;

namespace Forebay.Protocols.Bedrock;

/// <summary>
/// The key derived from a secret for one day, region and service (AWS Signature Version 4, "Calculate the signature",
/// step 1). Deriving costs four HMACs, so keep it until <see cref="Covers"/> says otherwise. Never changes; may be used
/// by many threads.
/// </summary>
public sealed class SigningKey
{
    private const int DayLength = 8;

    private readonly byte[] _key;

    private SigningKey(byte[] key, AwsCredentials credentials, string scope)
    {
        _key = key;
        Credentials = credentials;
        Scope = scope;
    }

    /// <summary>What the key was derived from.</summary>
    public AwsCredentials Credentials { get; }

    /// <summary>What it is good for: <c>20150830/us-east-1/service/aws4_request</c>.</summary>
    public string Scope { get; }

    internal ReadOnlySpan<byte> Bytes => _key;

    /// <summary>Derives the key for the day, in UTC, that holds an instant.</summary>
    public static SigningKey Derive(AwsCredentials credentials, string region, string service, DateTimeOffset at)
    {
        string day = at.UtcDateTime.ToString("yyyyMMdd");
        byte[] key = Encoding.UTF8.GetBytes("AWS4" + credentials.SecretAccessKey);
        foreach (string step in (string[])[day, region, service, "aws4_request"])
        {
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(step));
        }

        return new SigningKey(key, credentials, $"{day}/{region}/{service}/aws4_request");
    }

    /// <summary>Whether requests of this instant may be signed with it.</summary>
    public bool Covers(DateTimeOffset at)
    {
        Span<char> day = stackalloc char[DayLength];
        return at.UtcDateTime.TryFormat(day, out _, "yyyyMMdd") && Scope.AsSpan(0, DayLength).SequenceEqual(day);
    }
}

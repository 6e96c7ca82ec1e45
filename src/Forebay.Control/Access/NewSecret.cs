using System.Security.Cryptography;
using Forebay.Core.Access;

namespace Forebay.Control.Access;

/// <summary>Makes secrets and ids from the system's cryptographic generator.</summary>
public static class NewSecret
{
    /// <summary>What API keys start with.</summary>
    public const string KeyPrefix = "fb-";

    /// <summary>What admin tokens start with.</summary>
    public const string TokenPrefix = "fbadm-";

    private const string Base36 = "0123456789abcdefghijklmnopqrstuvwxyz";
    private const string Base62 = Base36 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const int SecretLength = 40;
    private const int IdLength = 12;
    private const int HintLength = 4;

    /// <summary>A prefix and 40 base-62 characters: 238 bits.</summary>
    public static string Create(string prefix) => prefix + RandomNumberGenerator.GetString(Base62, SecretLength);

    /// <summary>A public id: a prefix and 12 lower-case letters and digits.</summary>
    public static string CreateId(string prefix) => prefix + RandomNumberGenerator.GetString(Base36, IdLength);

    /// <summary>The prefix and four more characters, to recognise a secret by.</summary>
    public static string HintOf(string secret, string prefix) => secret[..(prefix.Length + HintLength)];

    internal static SecretHash HashOf(string secret) => SecretHash.TryCompute(secret, out SecretHash hash)
        ? hash
        : throw new InvalidOperationException("A secret made here is short enough to hash.");
}

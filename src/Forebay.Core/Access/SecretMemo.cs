using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Forebay.Core.Access;

/// <summary>
/// The last secret of one connection and its hash: a client sends the same one with each request, and hashing costs
/// more than all the rest of a key's check. Whether the key is still good is asked each time. For one thread at a time.
/// </summary>
public sealed class SecretMemo
{
    private char[] _secret = [];
    private SecretHash _hash;

    /// <summary>Hashes a secret, as <see cref="SecretHash.TryCompute"/> does. The comparison takes no less time where
    /// two secrets begin alike: a proxy may send the requests of many clients over one connection.</summary>
    public bool TryHash(ReadOnlySpan<char> secret, out SecretHash hash)
    {
        if (_secret.Length > 0
            && CryptographicOperations.FixedTimeEquals(
                MemoryMarshal.AsBytes(secret), MemoryMarshal.AsBytes(_secret.AsSpan())))
        {
            hash = _hash;
            return true;
        }

        if (!SecretHash.TryCompute(secret, out hash))
        {
            return false;
        }

        _secret = secret.ToArray();
        _hash = hash;
        return true;
    }
}

using System.Security.Cryptography;
using System.Text;
using Forebay.Core.Batches;
using Forebay.Storage.Data;

namespace Forebay.Storage.Contents;

/// <summary>
/// The key that contents are encrypted with, and what is derived of it by HKDF-SHA256 (RFC 5869): a key per tenant, and
/// of that one per file, from a salt in the file and its name. So neither a file under another name nor one of another
/// tenant's can be read, whatever a defect elsewhere asks for.
/// </summary>
public sealed class ContentKey : IDisposable
{
    public const int Bytes = 32;
    public const int FingerprintBytes = 16;

    private readonly byte[] _key;

    private ContentKey(byte[] key)
    {
        _key = key;
        Fingerprint = HKDF.Expand(
            HashAlgorithmName.SHA256, key, FingerprintBytes, "forebay contents fingerprint"u8.ToArray());
    }

    /// <summary>Tells keys apart without telling anything of them.</summary>
    public byte[] Fingerprint { get; }

    /// <summary>Reads a configured key.</summary>
    /// <param name="text">32 bytes in hex or base64.</param>
    /// <exception cref="StorageException">It is something else; the message does not show it.</exception>
    public static ContentKey Parse(string text)
    {
        string trimmed = text.Trim();
        byte[]? key = null;
        try
        {
            key = trimmed.Length == 2 * Bytes ? Convert.FromHexString(trimmed) : Convert.FromBase64String(trimmed);
        }
        catch (FormatException)
        {
            // Told below.
        }

        return key is { Length: Bytes }
            ? new ContentKey(key)
            : throw new StorageException("The key for the contents of batches (server.batches.key) is not 32 bytes in "
                + "hex (64 digits) or base64. Make one with: openssl rand -hex 32");
    }

    /// <summary>The key of a data directory, made where there is none.</summary>
    /// <exception cref="StorageException">It cannot be read or made.</exception>
    public static ContentKey FromFile(string path)
    {
        try
        {
            if (!File.Exists(path))
            {
                string fresh = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Bytes));
                PrivateFile.Replace(path, Encoding.ASCII.GetBytes(fresh + '\n'));
            }

            return Parse(File.ReadAllText(path));
        }
        catch (StorageException)
        {
            throw new StorageException($"{path} does not hold a key: 32 bytes in hex. Put the file back as it was; "
                + "what was encrypted with it cannot be read without it.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"The key for the contents of batches, {path}, cannot be read or made: "
                + $"{e.Message}", e);
        }
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_key);

    /// <summary>The key of one file.</summary>
    internal AesGcm CipherOf(ContentName name, ReadOnlySpan<byte> salt)
    {
        Span<byte> ofTenant = stackalloc byte[Bytes];
        Span<byte> ofFile = stackalloc byte[Bytes];
        HKDF.Expand(
            HashAlgorithmName.SHA256, _key, ofTenant,
            Encoding.UTF8.GetBytes("forebay contents of tenant " + name.Tenant));
        HKDF.DeriveKey(
            HashAlgorithmName.SHA256, ofTenant, ofFile, salt,
            Encoding.UTF8.GetBytes($"{name.Kind.ToString().ToLowerInvariant()} {name.Id}"));
        var cipher = new AesGcm(ofFile, SealedFormat.TagBytes);
        CryptographicOperations.ZeroMemory(ofTenant);
        CryptographicOperations.ZeroMemory(ofFile);
        return cipher;
    }
}

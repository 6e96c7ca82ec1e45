using System.Security.Cryptography;
using System.Text;

namespace Forebay.Core.Audit;

/// <summary>The arithmetic of the audit log's hash chain.</summary>
public static class AuditChain
{
    /// <summary>The previous hash of the first entry.</summary>
    public static string Genesis { get; } = new('0', 64);

    /// <summary>
    /// SHA-256 over the length-prefixed fields of an entry and the hash before it. Lengths keep two different entries
    /// from giving the same bytes.
    /// </summary>
    public static string HashOf(
        long sequence,
        long atUnixMs,
        string actor,
        string action,
        string subject,
        string detailJson,
        string previousHash)
    {
        var text = new StringBuilder();
        foreach (string field in (ReadOnlySpan<string>)
            [previousHash, $"{sequence}", $"{atUnixMs}", actor, action, subject, detailJson])
        {
            text.Append(field.Length).Append(':').Append(field);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>The first entry whose hash or link does not fit, or null.</summary>
    public static long? FirstBreak(IEnumerable<AuditEntry> entries)
    {
        string previous = Genesis;
        long expected = 1;
        foreach (AuditEntry e in entries)
        {
            string hash = HashOf(e.Sequence, e.AtUnixMs, e.Actor, e.Action, e.Subject, e.DetailJson, previous);
            if (e.Sequence != expected || e.PreviousHash != previous || e.Hash != hash)
            {
                return expected;
            }

            previous = hash;
            expected++;
        }

        return null;
    }
}

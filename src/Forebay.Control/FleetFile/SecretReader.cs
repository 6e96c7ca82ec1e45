using System.Diagnostics.CodeAnalysis;
using System.Text;
using Forebay.Core.Config;
using Forebay.Core.Fleet;

namespace Forebay.Control.FleetFile;

/// <summary>
/// Resolves references to secrets. Nothing is kept: each call reads again, so that a reload takes a renewed secret
/// over. What is wrong names the reference, never the value.
/// </summary>
/// <param name="environment">Looks an environment variable up; the process's when left out.</param>
public sealed class SecretReader(Func<string, string?>? environment = null)
{
    private const int MaxBytes = 64 * 1024;

    private readonly Func<string, string?> _environment = environment ?? Environment.GetEnvironmentVariable;

    /// <summary>Reads a secret.</summary>
    /// <param name="reference"><c>env:NAME</c> or <c>file:PATH</c>; or an identity, which is given back as it is.
    /// </param>
    /// <param name="secret">The secret, without the line break at its end. It fits a header: no control characters.
    /// </param>
    /// <param name="problem">Why there is none, safe to show.</param>
    public bool TryRead(
        string reference,
        [NotNullWhen(true)] out string? secret,
        [NotNullWhen(false)] out string? problem)
    {
        secret = null;
        if (!SecretReference.TryParse(reference, out SecretReference parsed))
        {
            problem = "this is not a reference to a secret: write env:NAME or file:PATH";
            return false;
        }

        if (parsed.Kind == SecretKind.Identity)
        {
            return TryFind(parsed, out secret, out problem);
        }

        string? text = parsed.Kind == SecretKind.Environment
            ? FromEnvironment(parsed, out problem) : FromFile(parsed, out problem);
        text = text?.TrimEnd('\r', '\n');
        if (text is null)
        {
            problem ??= $"{parsed} cannot be read";
            return false;
        }

        problem = text.Length == 0 ? $"{parsed} is empty"
            : text.Any(char.IsControl) ? $"{parsed} holds a line break or another control character inside"
            : null;
        secret = problem is null ? text : null;
        return problem is null;
    }

    /// <summary>Reads every secret that a configuration refers to, and reports those that are not there.</summary>
    public IReadOnlyList<ConfigProblem> Check(FleetConfig config)
    {
        var problems = new List<ConfigProblem>();
        ConfigWalk.Each(config, value =>
        {
            if (value.Key.Doc.Secret && value.Value is string reference
                && !TryRead(reference, out _, out string? problem))
            {
                problems.Add(new ConfigProblem(
                    value.Path, problem, "Set it where the server runs, then reload; or correct the reference."));
            }
        });
        return problems;
    }

    /// <summary>An identity is no secret: its reference stands for it. A file that it names must be there.</summary>
    private static bool TryFind(
        SecretReference identity, [NotNullWhen(true)] out string? reference, [NotNullWhen(false)] out string? problem)
    {
        string[] parts = identity.Name.Split(SecretReference.GoogleFilePrefix, 2);
        problem = parts.Length == 2 && !File.Exists(parts[1]) ? $"the file of {identity} is not there" : null;
        reference = problem is null ? identity.Name : null;
        return problem is null;
    }

    private string? FromEnvironment(SecretReference reference, out string? problem)
    {
        string? text = _environment(reference.Name);
        problem = text is null ? $"the environment variable of {reference} is not set" : null;
        return text;
    }

    private static string? FromFile(SecretReference reference, out string? problem)
    {
        try
        {
            using FileStream file = new(reference.Name, FileMode.Open, FileAccess.Read);
            var bytes = new byte[MaxBytes + 1];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            problem = length > MaxBytes ? $"{reference} is larger than {MaxBytes} bytes" : null;
            return problem is null ? Encoding.UTF8.GetString(bytes, 0, length) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException
            or ArgumentException)
        {
            problem = e switch
            {
                FileNotFoundException or DirectoryNotFoundException => $"the file of {reference} is not there",
                UnauthorizedAccessException =>
                    $"the file of {reference} may not be read by this user, or is a directory",
                _ => $"the file of {reference} cannot be read",
            };
            return null;
        }
    }
}

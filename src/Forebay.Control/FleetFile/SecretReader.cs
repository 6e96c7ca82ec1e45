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
    /// <param name="reference"><c>env:NAME</c> or <c>file:PATH</c>.</param>
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

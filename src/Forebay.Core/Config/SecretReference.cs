using System.Diagnostics.CodeAnalysis;

namespace Forebay.Core.Config;

/// <summary>Where a secret comes from.</summary>
public enum SecretKind : byte
{
    /// <summary><c>env:NAME</c>: an environment variable of the server.</summary>
    Environment,

    /// <summary><c>file:PATH</c>: a file, without its last line break.</summary>
    File,

    /// <summary><c>google:adc</c>, <c>aws:profile/NAME</c> and the like: an identity that its provider's own library
    /// finds. The reference is all there is to know; tokens are made from it as they are needed.</summary>
    Identity,
}

/// <summary>A reference to a secret: the only form in which a configuration names one.</summary>
/// <param name="Kind">Where the secret comes from.</param>
/// <param name="Name">The variable's name or the file's path.</param>
public readonly record struct SecretReference(SecretKind Kind, string Name)
{
    private const string EnvironmentPrefix = "env:";
    private const string FilePrefix = "file:";

    /// <summary>What the references to Google's identities begin with.</summary>
    public const string GooglePrefix = "google:";

    /// <summary>The machine's own identity at Google: application default credentials.</summary>
    public const string GoogleDefault = GooglePrefix + "adc";

    /// <summary>What stands before the path of a file with a Google identity.</summary>
    public const string GoogleFilePrefix = GooglePrefix + "file/";

    /// <summary>What the references to AWS's identities begin with.</summary>
    public const string AwsPrefix = "aws:";

    /// <summary>What the machine has at AWS: environment, default profile, the role of its container or instance.
    /// </summary>
    public const string AwsDefault = AwsPrefix + "default";

    /// <summary>What stands before the name of a profile in the shared AWS files.</summary>
    public const string AwsProfilePrefix = AwsPrefix + "profile/";

    /// <summary>Reads a reference. Text of any other form may be a secret itself: never show it.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out SecretReference reference)
    {
        reference = default;
        if (text is null)
        {
            return false;
        }

        if (text.StartsWith(EnvironmentPrefix, StringComparison.Ordinal))
        {
            reference = new SecretReference(SecretKind.Environment, text[EnvironmentPrefix.Length..]);
            return IsVariableName(reference.Name);
        }

        if (text.StartsWith(FilePrefix, StringComparison.Ordinal))
        {
            reference = new SecretReference(SecretKind.File, text[FilePrefix.Length..]);
            return !string.IsNullOrWhiteSpace(reference.Name) && !reference.Name.Any(char.IsControl);
        }

        if (text == GoogleDefault || text.StartsWith(GoogleFilePrefix, StringComparison.Ordinal))
        {
            reference = new SecretReference(SecretKind.Identity, text);
            return text.Length != GoogleFilePrefix.Length && !text.Any(char.IsControl);
        }

        if (text == AwsDefault || text.StartsWith(AwsProfilePrefix, StringComparison.Ordinal))
        {
            reference = new SecretReference(SecretKind.Identity, text);
            return text.Length != AwsProfilePrefix.Length && !text.Any(char.IsControl);
        }

        return false;
    }

    /// <summary>The reference as it stands in the file.</summary>
    public override string ToString() => Kind switch
    {
        SecretKind.Environment => EnvironmentPrefix + Name,
        SecretKind.File => FilePrefix + Name,
        _ => Name,
    };

    private static bool IsVariableName(string name) =>
        name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');
}

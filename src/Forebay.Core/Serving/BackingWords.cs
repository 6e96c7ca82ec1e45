namespace Forebay.Core.Serving;

/// <summary>What stands behind a deployment, in the one word that headers, usage, status and metrics share.</summary>
public static class BackingWords
{
    /// <summary><c>emulated</c>, <c>real</c> or <c>cloud</c>.</summary>
    public static string Word(this Backing backing) => backing switch
    {
        Backing.Emulated => "emulated",
        Backing.Real => "real",
        Backing.Cloud => "cloud",
        _ => throw new ArgumentOutOfRangeException(nameof(backing), backing, "A backing without a word."),
    };
}

namespace Forebay.Control.Errors;

/// <summary>Why the control plane did not do what it was asked.</summary>
public enum RefusalKind : byte
{
    /// <summary>The input is wrong; <see cref="RefusedException.Problems"/> names every field.</summary>
    Invalid,

    /// <summary>What it names is not there.</summary>
    NotFound,

    /// <summary>It is there, but its state does not allow the change.</summary>
    Conflict,

    /// <summary>Something the change needs does not work now; nothing was changed.</summary>
    Unavailable,
}

/// <summary>One thing wrong with the input. All of them are reported at once.</summary>
/// <param name="Field">The field, such as <c>tenant</c> or <c>models[2]</c>.</param>
/// <param name="Message">What is wrong, naming the value.</param>
/// <param name="Fix">What to send instead.</param>
public sealed record FieldProblem(string Field, string Message, string Fix);

/// <summary>The control plane refuses; the message says what to do and may be shown to the caller as it is.</summary>
public sealed class RefusedException : Exception
{
    public RefusedException(RefusalKind kind, string message, Exception? inner = null) : base(message, inner) =>
        Kind = kind;

    public RefusedException(IReadOnlyList<FieldProblem> problems)
        : base(problems.Count == 1 ? "One field is wrong." : $"{problems.Count} fields are wrong.")
    {
        Kind = RefusalKind.Invalid;
        Problems = problems;
    }

    public RefusalKind Kind { get; }

    public IReadOnlyList<FieldProblem> Problems { get; } = [];

    /// <summary>Throws when there is any problem.</summary>
    public static void ThrowIfAny(IReadOnlyList<FieldProblem> problems)
    {
        if (problems.Count > 0)
        {
            throw new RefusedException(problems);
        }
    }
}

namespace Forebay.Core.Capacity.Withdrawals;

/// <summary>Withdrawals in the words that the API, the store and reports share.</summary>
public static class WithdrawalWords
{
    private static readonly string[] Kinds = ["drain", "reclaim", "drill"];
    private static readonly string[] Scopes = ["pool", "commitment", "site", "provider", "group"];
    private static readonly string[] Phases = ["announced", "leaving", "out", "returned"];

    public static string Word(this WithdrawalKind kind) => Kinds[(int)kind];

    public static string Word(this WithdrawalScope scope) => Scopes[(int)scope];

    public static string Word(this WithdrawalPhase phase) => Phases[(int)phase];

    /// <summary>Reads a kind; null for another word.</summary>
    public static WithdrawalKind? KindOf(string word) =>
        Array.IndexOf(Kinds, word) is >= 0 and var at ? (WithdrawalKind)at : null;

    /// <summary>Reads a scope; null for another word.</summary>
    public static WithdrawalScope? ScopeOf(string word) =>
        Array.IndexOf(Scopes, word) is >= 0 and var at ? (WithdrawalScope)at : null;

    /// <summary>Reads a phase; null for another word.</summary>
    public static WithdrawalPhase? PhaseOf(string word) =>
        Array.IndexOf(Phases, word) is >= 0 and var at ? (WithdrawalPhase)at : null;
}

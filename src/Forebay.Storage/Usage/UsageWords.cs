using Forebay.Core.Serving;
using Forebay.Core.Usage;

namespace Forebay.Storage.Usage;

/// <summary>The words under which enumerations are stored and shown. They outlive renames in code.</summary>
internal static class UsageWords
{
    public const string Failed = "failed";
    public const string Interrupted = "interrupted";

    public static string Of(UsageOutcome outcome) => outcome switch
    {
        UsageOutcome.Completed => "completed",
        UsageOutcome.Failed => Failed,
        UsageOutcome.ClientGone => "client_gone",
        UsageOutcome.Interrupted => Interrupted,
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "An outcome without a word."),
    };

    /// <summary>Empty for a request that reached no deployment.</summary>
    public static string BackingOf(UsageRecord record) => record.Deployment.Length == 0
        ? ""
        : record.Backing.Word();
}

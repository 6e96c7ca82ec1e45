namespace Forebay.Gateway.Providers;

/// <summary>What an upstream's answer means for the request and for the deployment.</summary>
internal enum AnswerMeaning : byte
{
    /// <summary>It was served.</summary>
    Success,

    /// <summary>The request itself is refused, and would be anywhere: the client is told in the upstream's
    /// words.</summary>
    Refusal,

    /// <summary>Our account is at its limit.</summary>
    RateLimit,

    /// <summary>Our account is refused: its credential, its permission, its balance.</summary>
    Account,

    /// <summary>The model is overloaded there.</summary>
    Overload,

    /// <summary>It took too long there.</summary>
    Timeout,

    /// <summary>It points elsewhere, which is not followed.</summary>
    Redirect,

    /// <summary>It failed.</summary>
    Failure,
}

namespace Forebay.Protocols.Bedrock;

/// <summary>What an error of Bedrock means, told by its name in the header <c>x-amzn-errortype</c> or in a stream.
/// </summary>
public enum BedrockError : byte
{
    /// <summary>A name not known here; the status says what there is to know.</summary>
    Unknown,

    /// <summary>The account's quota of requests or tokens for the model is used up. No time to wait is told.</summary>
    Throttled,

    /// <summary>The model is being loaded.</summary>
    ModelNotReady,

    /// <summary>Bedrock has no capacity.</summary>
    Unavailable,

    /// <summary>The model took too long.</summary>
    ModelTimeout,

    /// <summary>The model failed; in a stream, <c>originalStatusCode</c> says how.</summary>
    ModelError,

    /// <summary>Bedrock failed.</summary>
    Internal,

    /// <summary>The request is not as the model takes it.</summary>
    Validation,

    /// <summary>There is no such model in the region, or none that the account may see.</summary>
    NotFound,

    /// <summary>The account may not use the model.</summary>
    AccessDenied,

    /// <summary>A quota other than that of requests and tokens.</summary>
    QuotaExceeded,

    /// <summary>The credentials' time is over.</summary>
    Expired,

    /// <summary>The credentials are unknown, revoked or missing.</summary>
    Unrecognized,

    /// <summary>The signature does not match, or not now: the message tells which.</summary>
    BadSignature,
}

/// <summary>The names of Bedrock's errors.</summary>
public static class BedrockErrors
{
    private static readonly (string Name, BedrockError Error)[] Names =
    [
        ("ThrottlingException", BedrockError.Throttled),
        ("TooManyRequestsException", BedrockError.Throttled),
        ("ModelNotReadyException", BedrockError.ModelNotReady),
        ("ServiceUnavailableException", BedrockError.Unavailable),
        ("ModelTimeoutException", BedrockError.ModelTimeout),
        ("ModelErrorException", BedrockError.ModelError),
        ("ModelStreamErrorException", BedrockError.ModelError),
        ("InternalServerException", BedrockError.Internal),
        ("InternalFailure", BedrockError.Internal),
        ("ValidationException", BedrockError.Validation),
        ("ResourceNotFoundException", BedrockError.NotFound),
        ("AccessDeniedException", BedrockError.AccessDenied),
        ("ServiceQuotaExceededException", BedrockError.QuotaExceeded),
        ("ExpiredTokenException", BedrockError.Expired),
        ("ExpiredToken", BedrockError.Expired),
        ("UnrecognizedClientException", BedrockError.Unrecognized),
        ("InvalidClientTokenId", BedrockError.Unrecognized),
        ("MissingAuthenticationTokenException", BedrockError.Unrecognized),
        ("InvalidSignatureException", BedrockError.BadSignature),
        ("SignatureDoesNotMatch", BedrockError.BadSignature),
        ("IncompleteSignatureException", BedrockError.BadSignature),
        ("RequestExpired", BedrockError.BadSignature),
        ("RequestTimeTooSkewed", BedrockError.BadSignature),
    ];

    /// <summary>The error of a name as it is sent: <c>ThrottlingException:http://...</c>,
    /// <c>ns#ThrottlingException</c>, or <c>throttlingException</c> in a stream.</summary>
    public static BedrockError Named(ReadOnlySpan<char> name)
    {
        int hash = name.LastIndexOf('#');
        name = name[(hash + 1)..];
        int colon = name.IndexOf(':');
        name = colon < 0 ? name : name[..colon];
        foreach ((string known, BedrockError error) in Names)
        {
            if (name.Equals(known, StringComparison.OrdinalIgnoreCase))
            {
                return error;
            }
        }

        return BedrockError.Unknown;
    }

    /// <summary>Whether a refusal was for a signature's time: then a clock is wrong, not the key.</summary>
    /// <param name="error">The error.</param>
    /// <param name="message">Its message.</param>
    public static bool IsClockSkew(BedrockError error, ReadOnlySpan<char> message) =>
        error == BedrockError.BadSignature
        && (message.Contains("Signature expired", StringComparison.OrdinalIgnoreCase)
            || message.Contains("not yet current", StringComparison.OrdinalIgnoreCase)
            || message.Contains("Request has expired", StringComparison.OrdinalIgnoreCase)
            || message.Contains("too large", StringComparison.OrdinalIgnoreCase));

    /// <summary>The type that Anthropic gives such an error.</summary>
    /// <param name="error">The error.</param>
    /// <param name="originalStatus">What a model's own failure had as status; 0 where it is not told.</param>
    public static string TypeOf(BedrockError error, int originalStatus) => error switch
    {
        BedrockError.Throttled or BedrockError.QuotaExceeded => "rate_limit_error",
        BedrockError.ModelNotReady or BedrockError.Unavailable => "overloaded_error",
        BedrockError.ModelTimeout => "timeout_error",
        BedrockError.Validation => "invalid_request_error",
        BedrockError.NotFound => "not_found_error",
        BedrockError.AccessDenied => "permission_error",
        BedrockError.Expired or BedrockError.Unrecognized or BedrockError.BadSignature => "authentication_error",
        BedrockError.ModelError => originalStatus switch
        {
            400 or 422 => "invalid_request_error",
            408 or 504 => "timeout_error",
            429 => "rate_limit_error",
            503 or 529 => "overloaded_error",
            _ => "api_error",
        },
        _ => "api_error",
    };
}

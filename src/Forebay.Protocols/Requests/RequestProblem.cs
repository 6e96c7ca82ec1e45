namespace Forebay.Protocols;

/// <summary>Why a request body was refused, in words for its sender.</summary>
/// <param name="Message">A sentence naming the field and what was found, such as
/// <c>max_tokens: must be a whole number of at least 1 (found a string)</c>.</param>
/// <param name="Param">The field alone, as the dialect writes it; null where the body as a whole is at fault.</param>
public readonly record struct RequestProblem(string Message, string? Param);

using Forebay.Control.Admin.Contract;
using Forebay.Control.Errors;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin;

/// <summary>The errors of the admin API and their words (RFC 9457).</summary>
internal static class AdminProblems
{
    private const string ContentType = "application/problem+json";

    public static Task WriteAsync(
        AdminCall call,
        int status,
        string detail,
        IReadOnlyList<FieldProblem>? fields = null)
    {
        (string type, string title) = Kind(status);
        var view = new ProblemView(
            $"urn:forebay:admin:{type}",
            title,
            status,
            detail,
            call.RequestId,
            fields is { Count: > 0 } ? [.. fields.Select(f => new FieldProblemView(f.Field, f.Message, f.Fix))] : null);
        return call.ReplyAsync(status, view, AdminJson.Default.ProblemView, ContentType);
    }

    public static Task WriteAsync(AdminCall call, RefusedException refused) => WriteAsync(
        call,
        refused.Kind switch
        {
            RefusalKind.Invalid => StatusCodes.Status422UnprocessableEntity,
            RefusalKind.NotFound => StatusCodes.Status404NotFound,
            RefusalKind.Conflict => StatusCodes.Status409Conflict,
            _ => StatusCodes.Status503ServiceUnavailable,
        },
        refused.Message,
        refused.Problems);

    private static (string Type, string Title) Kind(int status) => status switch
    {
        400 => ("bad-request", "The request cannot be read"),
        401 => ("unauthenticated", "An admin token is needed"),
        403 => ("role-too-low", "The token's role does not allow this"),
        404 => ("not-found", "There is nothing here"),
        405 => ("method-not-allowed", "The path does not take this method"),
        408 => ("request-timeout", "The request took too long to arrive"),
        409 => ("conflict", "The state does not allow this"),
        413 => ("body-too-large", "The body is too large"),
        415 => ("unsupported-media-type", "The body is not JSON"),
        422 => ("invalid-input", "The input is wrong"),
        503 => ("unavailable", "This does not work right now"),
        _ => ("internal", "The server failed"),
    };
}

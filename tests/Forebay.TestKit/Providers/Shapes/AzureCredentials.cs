using System.Text.Json;

namespace Forebay.TestKit.Providers.Shapes;

/// <summary>How Azure's front takes a credential, and how it refuses one.</summary>
internal static class AzureCredentials
{
    /// <summary>Whether a call carries exactly one credential, and one that is in force.</summary>
    public static bool Are(ProviderCall call, Func<string, bool, bool> isCredential)
    {
        string?[] keys = [call.Header("api-key"), call.Header("x-api-key")];
        string? bearer = call.Header("authorization");
        string? key = keys.FirstOrDefault(k => k is not null);
        return (key, bearer) switch
        {
            (not null, null) => keys.Count(k => k is not null) == 1 && isCredential(key, false),
            (null, not null) => bearer.StartsWith("Bearer ", StringComparison.Ordinal)
                && isCredential(bearer["Bearer ".Length..], true),
            _ => false,
        };
    }

    /// <summary>The envelope of Azure's front: no type, a code that is text.</summary>
    public static string Error(ProviderRefusal refusal) => JsonSerializer.Serialize(new
    {
        error = new { code = refusal.Status.ToString(), message = refusal.Message },
    });
}

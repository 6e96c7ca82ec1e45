using Forebay.TestKit;

namespace Forebay.FunctionalTests.Providers.Bedrock;

/// <summary>The shared AWS files of this process: each test has a profile of its own in them. Nothing else of the
/// machine's is looked at.</summary>
internal static class AwsProfiles
{
    private static readonly Lock Gate = new();
    private static readonly TemporaryFolder Folder = new();
    private static readonly string Credentials = Path.Combine(Folder.Path, "credentials");
    private static int _profiles;

    static AwsProfiles()
    {
        File.WriteAllText(Credentials, "");
        Environment.SetEnvironmentVariable("AWS_SHARED_CREDENTIALS_FILE", Credentials);
        Environment.SetEnvironmentVariable("AWS_CONFIG_FILE", Path.Combine(Folder.Path, "config"));
        Environment.SetEnvironmentVariable("AWS_EC2_METADATA_DISABLED", "true");
    }

    /// <summary>Adds a profile with a key.</summary>
    /// <returns>The reference to it.</returns>
    public static string Add(string accessKeyId, string secret, string? token = null) => Add(
        $"aws_access_key_id = {accessKeyId}\naws_secret_access_key = {secret}\n"
            + (token is null ? "" : $"aws_session_token = {token}\n"));

    /// <summary>Adds a profile that asks a process: it prints a file.</summary>
    /// <returns>The reference to it, and the file.</returns>
    public static (string Reference, string File) AddProcess()
    {
        string file = Path.Combine(Folder.Path, $"process-{Interlocked.Increment(ref _profiles)}.json");
        return (Add($"credential_process = /bin/cat {file}\n"), file);
    }

    /// <summary>What such a process prints.</summary>
    public static void Print(string file, string accessKeyId, string secret, string token, DateTimeOffset until) =>
        File.WriteAllText(
            file,
            $$"""{"Version":1,"AccessKeyId":"{{accessKeyId}}","SecretAccessKey":"{{secret}}","SessionToken":"{{token}}","Expiration":"{{until.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}}"}""");

    private static string Add(string lines)
    {
        string name = $"profile-{Interlocked.Increment(ref _profiles)}";
        lock (Gate)
        {
            File.AppendAllText(Credentials, $"[{name}]\n{lines}\n");
        }

        return $"aws:profile/{name}";
    }
}

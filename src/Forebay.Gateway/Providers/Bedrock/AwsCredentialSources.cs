namespace Forebay.Gateway.Providers.Bedrock;

/// <summary>The identities in use, one source each, however many deployments are called as them: what a role's
/// credentials are asked from is shared by the whole machine and limits how often it is asked.</summary>
internal static class AwsCredentialSources
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, (AwsCredentialSource Source, int Users)> InUse = [];

    /// <summary>The source of an identity; to be given back once.</summary>
    public static AwsCredentialSource Take(string reference)
    {
        lock (Gate)
        {
            (AwsCredentialSource Source, int Users) entry = InUse.TryGetValue(reference, out var known)
                ? known
                : (new AwsCredentialSource(new AwsIdentity(reference), TimeProvider.System), 0);
            InUse[reference] = (entry.Source, entry.Users + 1);
            return entry.Source;
        }
    }

    public static void GiveBack(string reference)
    {
        lock (Gate)
        {
            (AwsCredentialSource source, int users) = InUse[reference];
            if (users > 1)
            {
                InUse[reference] = (source, users - 1);
                return;
            }

            InUse.Remove(reference);
            source.Dispose();
        }
    }
}

using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Amazon.Runtime.Credentials;
using Forebay.Core.Config;
using Forebay.Protocols.Bedrock;

namespace Forebay.Gateway.Providers.Bedrock;

/// <summary>Credentials of AWS, and until when they hold.</summary>
/// <param name="Credentials">The key.</param>
/// <param name="Until">When it expires; null where that is not known.</param>
internal sealed record AwsGrant(AwsCredentials Credentials, DateTimeOffset? Until);

/// <summary>Finds AWS credentials by AWS's own rules: <c>aws:default</c> looks into the environment, the default
/// profile, a web identity, the container's role and the instance's role, in that order; <c>aws:profile/NAME</c>
/// takes a profile
/// of the shared files, with whatever it says: keys, a role to assume, a process to ask.</summary>
internal sealed class AwsIdentity(string reference)
{
    private AWSCredentials? _found;

    /// <summary>The reference as it stands in the fleet file.</summary>
    public string Reference => reference;

    /// <summary>Finds credentials, over files, processes or the network as need be.</summary>
    /// <param name="anew">Whether what was found before was refused: then it is looked for from the start.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="ProviderCredentialException">There are none.</exception>
    public async Task<AwsGrant> FindAsync(bool anew, CancellationToken cancel)
    {
        try
        {
            if (anew)
            {
                (_found as RefreshingAWSCredentials)?.ClearCredentials();
                _found = null;
            }

            AWSCredentials found = _found ??= await ResolveAsync(cancel);
            ImmutableCredentials key = await found.GetCredentialsAsync().WaitAsync(cancel);
            DateTime? until = (found as RefreshingAWSCredentials)?.Expiration;
            return new AwsGrant(
                new AwsCredentials(key.AccessKey, key.SecretKey, key.UseToken ? key.Token : null),
                until is { } at && at > DateTime.MinValue ? new DateTimeOffset(at.ToUniversalTime()) : null);
        }
        catch (Exception e) when (e is not OperationCanceledException and not ProviderCredentialException)
        {
            // Whatever the SDK throws comes to the same; its words name files and addresses, never keys.
            _found = null;
            throw new ProviderCredentialException($"{reference}: no AWS credentials can be had: {e.Message}", e);
        }
    }

    private async Task<AWSCredentials> ResolveAsync(CancellationToken cancel)
    {
        if (!reference.StartsWith(SecretReference.AwsProfilePrefix, StringComparison.Ordinal))
        {
            using var resolver = new DefaultAWSCredentialsIdentityResolver();
            return await resolver.ResolveIdentityAsync(null, cancel);
        }

        string profile = reference[SecretReference.AwsProfilePrefix.Length..];
        return new CredentialProfileStoreChain().TryGetAWSCredentials(profile, out AWSCredentials credentials)
            ? credentials
            : throw new ProviderCredentialException(
                $"{reference}: there is no such profile with credentials in the shared AWS files");
    }
}

using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Forebay.Commands.Connection;

/// <summary>The HTTP connection to an admin API.</summary>
internal static class AdminHttp
{
    public static HttpClient Create(AdminEndpoint endpoint)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(10),
            AllowAutoRedirect = false,
            // A proxy named in the environment must not see calls that stay on this machine.
            UseProxy = !endpoint.Url.IsLoopback,
        };
        if (endpoint.Server?.AdminCertificateFile is { } file)
        {
            // Found through the data directory: its server, and no other, is meant. The certificate names the host
            // that clients use, not loopback, so it is compared as a whole instead.
            handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, errors) =>
                errors == SslPolicyErrors.None || IsTheOneIn(file, presented);
        }

        return new HttpClient(handler)
        {
            BaseAddress = endpoint.Url,
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestHeaders =
            {
                Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", endpoint.Token),
            },
        };
    }

    private static bool IsTheOneIn(string file, X509Certificate? presented)
    {
        try
        {
            using var expected = X509Certificate2.CreateFromPem(File.ReadAllText(file));
            return presented is not null && expected.RawData.AsSpan().SequenceEqual(presented.GetRawCertData());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException
            or System.Security.Cryptography.CryptographicException)
        {
            return false;
        }
    }
}

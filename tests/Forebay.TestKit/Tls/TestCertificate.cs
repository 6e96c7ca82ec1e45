using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Forebay.TestKit.Tls;

/// <summary>Makes self-signed certificates as PEM text.</summary>
public static class TestCertificate
{
    public static (string Certificate, string Key) Create(
        string commonName,
        DateTimeOffset notBefore,
        DateTimeOffset notAfter)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(commonName);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.CreateSelfSigned(notBefore, notAfter);
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}

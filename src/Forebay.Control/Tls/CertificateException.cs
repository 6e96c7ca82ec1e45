namespace Forebay.Control.Tls;

/// <summary>A listener's certificate cannot be used; the message names the file and what to do.</summary>
public sealed class CertificateException : Exception
{
    public CertificateException()
    {
    }

    public CertificateException(string message) : base(message)
    {
    }

    public CertificateException(string message, Exception inner) : base(message, inner)
    {
    }
}

namespace Forebay.Simulation.Replay;

/// <summary>Puts API paths under a base URL, which may hold a path of its own.</summary>
internal static class ReplayPaths
{
    public static Uri Under(Uri baseUrl, string path)
    {
        string text = baseUrl.AbsoluteUri;
        return new Uri(text.EndsWith('/') ? text + path : $"{text}/{path}");
    }
}

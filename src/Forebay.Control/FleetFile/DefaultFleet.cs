namespace Forebay.Control.FleetFile;

/// <summary>The fleet of a first run: examples/small.yaml, carried inside the program.</summary>
public static class DefaultFleet
{
    /// <summary>Its name in messages.</summary>
    public const string FileName = "examples/small.yaml";

    private const string Resource = "forebay.examples.small.yaml";

    /// <summary>Its text.</summary>
    public static string ReadText()
    {
        using Stream stream = typeof(DefaultFleet).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"The build left {Resource} out.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

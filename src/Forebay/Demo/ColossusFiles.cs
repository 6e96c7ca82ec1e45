using System.Globalization;
using System.Reflection;

namespace Forebay.Demo;

/// <summary>The fleet and the offer of the demonstration, filled in.</summary>
internal static class ColossusFiles
{
    /// <summary>The fleet before Colossus 1.</summary>
    public static string Fleet(
        ColossusEngines engines, DemoDepot depot, SatelliteRelay relay, DateTimeOffset linkStarts) => Fill(
        "colossus-fleet.yaml",
        ("link_starts", linkStarts.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)),
        ("weights_bytes", DemoDepot.WeightsBytes.ToString(CultureInfo.InvariantCulture)),
        ("weights_sha256", depot.WeightsSha256),
        ("weights_url", depot.WeightsUrl.AbsoluteUri),
        ("aws_endpoint", engines.Aws.Text()),
        ("google_endpoint", engines.Google.Text()),
        ("borealis_endpoint", relay.Address.Text()));

    /// <summary>Colossus 1 as offered on a day.</summary>
    public static string Offer(ColossusEngines engines, DemoDepot depot, DateTimeOffset today) => Fill(
        "colossus-offer.yaml",
        ("day_0", Day(today)),
        ("day_15", Day(today.AddDays(15))),
        ("day_30", Day(today.AddDays(30))),
        ("end", Day(today.AddYears(3))),
        ("h100_endpoint", engines.OfferedH100.Text()),
        ("h200_endpoint", engines.OfferedH200.Text()),
        ("inventory", depot.InventoryUrl.Text()));

    private static string Text(this Uri uri) => uri.AbsoluteUri.TrimEnd('/');

    private static string Day(DateTimeOffset at) => at.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string Fill(string name, params ReadOnlySpan<(string Name, string Value)> values)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{name} is not built in.");
        using var reader = new StreamReader(stream);
        string text = reader.ReadToEnd();
        foreach ((string word, string value) in values)
        {
            text = text.Replace($"{{{word}}}", value, StringComparison.Ordinal);
        }

        return text;
    }
}

namespace Forebay.Core.Limits;

/// <summary>US dollars as configured and shown, and as counted: whole millionths.</summary>
internal static class UsdAmount
{
    private const decimal MicrosPerUsd = 1_000_000m;

    public static long ToMicros(decimal usd) =>
        (long)decimal.Round(usd * MicrosPerUsd, MidpointRounding.AwayFromZero);

    public static decimal Of(long micros) => micros / MicrosPerUsd;
}

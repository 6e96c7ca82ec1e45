using System.Globalization;
using Forebay.Core.Capacity;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity;

public sealed class AcceleratorCatalogueTests
{
    [Fact]
    public void A_type_is_found_by_name_whatever_the_case()
    {
        Accelerator? h100 = AcceleratorCatalogue.BuiltIn.Find("h100-sxm");

        Assert.NotNull(h100);
        Assert.Equal(989, h100.Bf16Tflops.Value);
        Assert.Equal(80, h100.HbmGb.Value);
        Assert.Null(AcceleratorCatalogue.BuiltIn.Find("H1000"));
    }

    [Fact]
    public void Every_figure_has_a_source_and_a_sensible_size()
    {
        foreach (Accelerator chip in AcceleratorCatalogue.BuiltIn.Accelerators)
        {
            Assert.All(
                (SourcedValue?[])[chip.Bf16Tflops, chip.Fp8Tflops, chip.Fp4Tflops, chip.HbmGb, chip.HbmTbPerS,
                    chip.InterconnectDomain, chip.ScaleUpGbPerS, chip.AllInKw, chip.RentalThreeYearUsdPerHour,
                    .. chip.OnDemandUsdPerHour],
                figure => Assert.True(figure is null || (figure.Value > 0 && figure.Source.Length > 0)));
            Assert.InRange(chip.HbmTbPerS.Value, 0.1, 50);
        }

        Assert.Equal(13, AcceleratorCatalogue.BuiltIn.Names.Distinct().Count());
    }

    [Fact]
    public void A_chip_without_a_narrow_format_computes_in_the_next_wider()
    {
        Accelerator h100 = AcceleratorCatalogue.BuiltIn.Find("H100-SXM")!;
        Accelerator v5e = AcceleratorCatalogue.BuiltIn.Find("TPU-v5e")!;

        Assert.Equal(h100.Fp8Tflops!.Value, h100.TflopsFor(0.5));
        Assert.Equal(h100.Bf16Tflops.Value, h100.TflopsFor(2));
        Assert.Equal(v5e.Bf16Tflops.Value, v5e.TflopsFor(1));
    }

    [Fact]
    public void The_reference_page_shows_the_data()
    {
        string page = File.ReadAllText(Path.Combine(SharedFiles.RepositoryRoot, "docs/reference/accelerators.md"));

        foreach (Accelerator chip in AcceleratorCatalogue.BuiltIn.Accelerators)
        {
            Assert.Contains(RowOf(chip), page, StringComparison.Ordinal);
        }
    }

    private static string RowOf(Accelerator chip)
    {
        double[] prices = [.. chip.OnDemandUsdPerHour.Select(p => p.Value).Order()];
        string onDemand = prices.Length switch
        {
            0 => "",
            1 => Text(prices[0]),
            _ => $"{Text(prices[0])} to {Text(prices[^1])}",
        };
        IEnumerable<string> figures = ((SourcedValue?[])[chip.Bf16Tflops, chip.Fp8Tflops, chip.Fp4Tflops, chip.HbmGb,
            chip.HbmTbPerS, chip.InterconnectDomain, chip.ScaleUpGbPerS, chip.AllInKw, chip.RentalThreeYearUsdPerHour])
            .Select(f => f is null ? "" : Text(f.Value));
        return $"| {chip.Name} | {chip.Vendor} | {string.Join(" | ", figures)} | {onDemand} |";
    }

    private static string Text(double value) => value.ToString("G6", CultureInfo.InvariantCulture);
}

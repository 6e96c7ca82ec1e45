using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Xunit;

namespace Forebay.UnitTests.Core.Limits.Following;

public sealed class TierMultipliersTests
{
    private static readonly FollowedLimit[] Usual = new LimitsFollowConfig().Limits;

    private static TierMultiplier Reduced(string tier, string modelClass, double value, double reduced)
    {
        double[] byHour = new double[HourOfWeek.Count];
        for (int hour = 0; hour < byHour.Length; hour++)
        {
            byHour[hour] = hour < 120 && hour % 24 is >= 12 and < 18 ? reduced : value;
        }

        return TierMultiplier.Of(tier, modelClass, byHour);
    }

    [Theory]
    [InlineData(0.999)]
    [InlineData(0)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Less_than_is_promised_cannot_be_made(double value)
    {
        Assert.Throws<ArgumentException>(() => TierMultiplier.Flat("t", "c", value));
        Assert.Throws<FormatException>(() => TierMultipliers.Parse(
            string.Create(System.Globalization.CultureInfo.InvariantCulture, $"t\tc\t{value:R}\t")));
    }

    [Fact]
    public void They_read_back_as_written()
    {
        TierMultipliers all = TierMultipliers.Of(
            [Reduced("b", "*", 2, 1.5), Reduced("a", "large", 1.25, 1), TierMultiplier.Flat("a", "*", 3)]);
        Assert.Equal(all, TierMultipliers.Parse(all.ToText()));
        Assert.Equal(TierMultipliers.Promise, TierMultipliers.Parse(""));
        Assert.Equal(
            "2; 1.5 in Mon 12:00-18:00, Tue 12:00-18:00, Wed 12:00-18:00, Thu 12:00-18:00, Fri 12:00-18:00",
            all.Find("b", "*")!.Words());
        Assert.Equal((30, 2, 1.5), (all.Find("b", "*")!.ReducedHours, all.At("b", "*", 11), all.At("b", "*", 12)));
    }

    [Theory]
    [InlineData("t\tc\t2")]
    [InlineData("t\tc\t2\t1.5:zz")]
    [InlineData("t\tc\ttwo\t")]
    [InlineData("t\tc\t2\t\nt\tc\t3\t")]
    public void Damaged_text_is_refused(string text) =>
        Assert.Throws<FormatException>(() => TierMultipliers.Parse(text));

    [Fact]
    public void Limits_over_all_models_get_the_least_of_the_classes() => Assert.Equal(
        (1.25, 1), (
            TierMultipliers.Of([TierMultiplier.Flat("t", "large", 1.25), TierMultiplier.Flat("t", "*", 2)]).OverAll("t", 0),
            TierMultipliers.Promise.OverAll("t", 0)));

    [Fact]
    public void A_tier_is_multiplied_where_the_rules_say_so_and_nowhere_else()
    {
        var tier = new TierConfig
        {
            Id = "t",
            RequestsPerMinute = 7,
            InputTokensPerMinute = 1001,
            WeeklyWindow = new WindowConfig { Limit = 10, Unit = WindowUnit.Requests },
            FiveHourWindow = new WindowConfig { Limit = 1.01m, Unit = WindowUnit.Usd },
            Classes = [new ClassLimitsConfig { Class = "large", OutputTokensPerMinute = 100 }],
        };
        TierMultipliers multipliers = TierMultipliers.Of(
            [Reduced("t", "large", 2, 1.5), TierMultiplier.Flat("t", "*", 1.25)]);
        TierConfig off = MultipliedPlans.Multiplied(tier, multipliers, Usual, 0);
        TierConfig peak = MultipliedPlans.Multiplied(tier, multipliers, Usual, 12);
        Assert.Equal((7, 1251L, 10m, 1.2625m), (
            off.RequestsPerMinute, off.InputTokensPerMinute, off.WeeklyWindow!.Limit, off.FiveHourWindow!.Limit));
        Assert.Equal((200L, 150L), (off.Classes[0].OutputTokensPerMinute, peak.Classes[0].OutputTokensPerMinute));
        Assert.Equal(8, MultipliedPlans.Multiplied(tier, multipliers, [FollowedLimit.RequestsPerMinute], 0).RequestsPerMinute);

        LimitTerms terms = FollowedTerms.Of(tier, multipliers, Usual);
        Assert.Equal(
            "200; 150 in Mon 12:00-18:00, Tue 12:00-18:00, Wed 12:00-18:00, Thu 12:00-18:00, Fri 12:00-18:00",
            terms.Terms.Single(t => t.ModelClass == "large").Value);
        Assert.Equal(LimitTerms.Of(tier).ToText(), FollowedTerms.Of(tier, TierMultipliers.Promise, Usual).ToText());
    }

    [Theory]
    [InlineData("2026-05-04T00:00:00Z", 0)]
    [InlineData("2026-05-10T23:59:59Z", 167)]
    [InlineData("1970-01-01T00:00:00Z", 72)]
    [InlineData("1969-12-31T23:59:59Z", 71)]
    public void Hours_of_the_week_begin_on_Monday(string at, int hour)
    {
        long ms = DateTimeOffset.Parse(at, System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
        Assert.Equal(hour, HourOfWeek.Of(ms));
        Assert.Equal((hour + 1) % 168, HourOfWeek.Of(HourOfWeek.NextUnixMs(ms)));
    }
}

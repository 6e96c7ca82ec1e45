namespace Forebay.Core.Capacity.Concentration;

/// <summary>The words for measures and actions in metrics, answers and logs, and how long windows are.</summary>
public static class ConcentrationWords
{
    /// <summary>A month of the window: 30 days.</summary>
    public const int MonthDays = 30;

    public static string Word(this ConcentrationMeasure measure) => measure switch
    {
        ConcentrationMeasure.Leased => "leased",
        ConcentrationMeasure.Served => "served",
        ConcentrationMeasure.Spend => "spend",
        _ => throw new ArgumentOutOfRangeException(nameof(measure), measure, "There is no such measure."),
    };

    public static string Word(this CapAction action) => action switch
    {
        CapAction.Alert => "alert",
        CapAction.Constrain => "constrain",
        _ => throw new ArgumentOutOfRangeException(nameof(action), action, "There is no such action."),
    };

    public static TimeSpan Length(this ConcentrationWindow window) => window switch
    {
        ConcentrationWindow.Hour => TimeSpan.FromHours(1),
        ConcentrationWindow.Day => TimeSpan.FromDays(1),
        ConcentrationWindow.Month => TimeSpan.FromDays(MonthDays),
        _ => throw new ArgumentOutOfRangeException(nameof(window), window, "There is no such window."),
    };
}

using System.Globalization;
using Forebay.Core.Config;
using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity.Demand;

/// <summary>
/// Reads demand from CSV: a header, then a line for each hour of each class. Columns, in any order: <c>model</c>,
/// <c>hour</c>, <c>input_tokens</c> (uncached) and <c>output_tokens</c> in that hour; <c>region</c>, <c>residency</c>,
/// <c>data_class</c>, <c>requests</c> where known. An hour is its place in the week (0 to 167, 0 is Monday 00:00 UTC),
/// and then the demand stands as given; or a time (2026-10-05T13:00:00Z), and then it is history to forecast from.
/// </summary>
public static class DemandCsv
{
    private static readonly string[] Needed = ["model", "hour", "input_tokens", "output_tokens"];
    private static readonly string[] Optional = ["region", "residency", "data_class", "requests"];

    /// <summary>Reads a file's text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="fleet">Knows the names.</param>
    /// <param name="nowHour">The hour now; history counts up to it.</param>
    /// <param name="problems">Every problem, with its line; nothing is read where there is one.</param>
    public static IReadOnlyList<DemandForecast> Read(
        string text, FleetConfig fleet, long nowHour, List<string> problems)
    {
        string[] lines = text.ReplaceLineEndings("\n").Split('\n');
        string[] header = [.. lines[0].Split(',').Select(c => c.Trim())];
        foreach (string missing in Needed.Except(header))
        {
            problems.Add($"line 1: no column {missing}; the header needs {string.Join(", ", Needed)}.");
        }

        foreach (string unknown in header.Except(Needed).Except(Optional))
        {
            problems.Add($"line 1: no column is called {Words.Quote(unknown)}. "
                + Suggestion.Sentence(unknown, [.. Needed, .. Optional]));
        }

        var stated = new Dictionary<DemandKey, DemandAmounts[]>();
        var history = new DemandHistory(fleet.Server.Placement.DemandWeeks);
        bool? isHistory = null;
        for (int i = 1; i < lines.Length && problems.Count == 0; i++)
        {
            if (lines[i].Trim().Length > 0)
            {
                ReadLine(new CsvLine(i + 1, header, lines[i], fleet, problems), stated, history, ref isHistory);
            }
        }

        return problems.Count > 0 ? []
            : isHistory == true ? [.. history.Keys.OrderBy(k => k.ToString(), StringComparer.Ordinal)
                .Select(k => history.Forecast(k, fleet.Server.Placement.DemandQuantile, nowHour))]
            : [.. stated.Select(s => DemandForecast.Stated(
                s.Key,
                [.. s.Value.Select(a => a.InputTokens)],
                [.. s.Value.Select(a => a.OutputTokens)],
                [.. s.Value.Select(a => a.Requests)]))];
    }

    private static void ReadLine(
        CsvLine line, Dictionary<DemandKey, DemandAmounts[]> stated, DemandHistory history, ref bool? isHistory)
    {
        if (line.Key() is not { } key || line.Amounts() is not { } amounts)
        {
            return;
        }

        string hour = line.Text("hour");
        bool isSlot = int.TryParse(hour, NumberStyles.None, CultureInfo.InvariantCulture, out int slot);
        if (isSlot && slot >= HourOfWeek.Count)
        {
            line.Problem($"hour is {slot}; hours of a week go from 0 to 167.");
        }
        else if (isHistory is { } before && before == isSlot)
        {
            line.Problem("hours of the week and times stand in one file; use one of them.");
        }
        else if (isSlot)
        {
            isHistory = false;
            if (!stated.TryGetValue(key, out DemandAmounts[]? week))
            {
                stated.Add(key, week = new DemandAmounts[HourOfWeek.Count]);
            }

            week[slot] += amounts;
        }
        else if (DateTimeOffset.TryParse(
            hour, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time))
        {
            isHistory = true;
            history.Add(HourOfWeek.HourAt(time.ToUnixTimeMilliseconds()), key, amounts);
        }
        else
        {
            line.Problem($"{Words.Quote(hour)} is no hour. Write 0 to 167, or a time such as 2026-10-05T13:00:00Z.");
        }
    }

    /// <summary>One line, its fields by column.</summary>
    private sealed class CsvLine(int number, string[] header, string line, FleetConfig fleet, List<string> problems)
    {
        private readonly string[] _fields = [.. line.Split(',').Select(f => f.Trim())];

        public void Problem(string what) => problems.Add($"line {number}: {what}");

        public string Text(string column)
        {
            int at = Array.IndexOf(header, column);
            return at >= 0 && at < _fields.Length ? _fields[at] : "";
        }

        public DemandKey? Key()
        {
            int before = problems.Count;
            if (_fields.Length != header.Length)
            {
                Problem($"{_fields.Length} fields, but the header has {header.Length}.");
                return null;
            }

            string model = Named("model", fleet.Models.Select(m => m.Id), required: true);
            string region = Named("region", fleet.Regions.Select(r => r.Id));
            string residency = Named("residency", fleet.ResidencyPolicies.Select(r => r.Id));
            string dataClass = Named("data_class", fleet.DataClasses.Select(c => c.Id));
            return problems.Count > before ? null : new DemandKey(model, region, residency, dataClass);
        }

        public DemandAmounts? Amounts()
        {
            int before = problems.Count;
            var amounts = new DemandAmounts(Number("input_tokens"), Number("output_tokens"), Number("requests"));
            return problems.Count > before ? null : amounts;
        }

        private string Named(string column, IEnumerable<string> known, bool required = false)
        {
            string name = Text(column);
            string[] names = [.. known];
            if (name.Length == 0 ? required : !names.Contains(name))
            {
                Problem($"the fleet has no {column.Replace('_', ' ')} {Words.Quote(name)}. "
                    + Suggestion.Sentence(name, names));
            }

            return name;
        }

        private double Number(string column)
        {
            string text = Text(column);
            if (text.Length == 0 && Array.IndexOf(Optional, column) >= 0)
            {
                return 0;
            }

            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                || !double.IsFinite(number) || number < 0)
            {
                Problem($"{column} is {Words.Quote(text)}, which is no number of 0 or more.");
            }

            return number;
        }
    }
}

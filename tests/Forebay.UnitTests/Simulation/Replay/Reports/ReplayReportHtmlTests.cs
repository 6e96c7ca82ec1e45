using System.Xml.Linq;
using Forebay.Simulation.Replay;
using Forebay.Simulation.Replay.Reports;
using Forebay.Simulation.Traces;
using Xunit;

namespace Forebay.UnitTests.Simulation.Replay.Reports;

public sealed class ReplayReportHtmlTests
{
    private const string Hostile = "<script>alert(1)</script>\"'&<img src=x onerror=y>";

    [Fact]
    public void The_same_report_gives_the_same_bytes_and_needs_nothing_from_elsewhere()
    {
        string page = ReplayReportHtml.Page(ReplayReportTests.Sample());

        Assert.Equal(page, ReplayReportHtml.Page(ReplayReportTests.Sample()));
        foreach (string outside in (string[])["<script", "<link", "<img", "src=", "url(", "@import", "href="])
        {
            Assert.DoesNotContain(outside, page, StringComparison.OrdinalIgnoreCase);
        }

        Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme:dark", page, StringComparison.Ordinal);
        Assert.Contains("width=device-width", page, StringComparison.Ordinal);
    }

    [Fact]
    public void It_names_backing_machine_date_seed_and_options()
    {
        string page = ReplayReportHtml.Page(ReplayReportTests.Sample());

        foreach (string words in (string[])
            ["emulated engines, no accelerator", "a machine", "1970-01-01", "seed 9", "speed 2", "1.2.3", "rate_limit_error"])
        {
            Assert.Contains(words, page, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_text_stays_text()
    {
        var tally = new ReplayTally();
        tally.Due(new TraceRequest(0, 1, 1), admitted: true);
        tally.Sent(0, 0);
        tally.Ended(
            new ReplayOutcome
            {
                Dialect = ReplayDialect.OpenAi,
                Model = Hostile,
                AskedInputTokens = 1,
                AskedOutputTokens = 1,
                End = ReplayEnd.Failed,
                Reason = Hostile,
                Message = Hostile,
                RequestId = Hostile,
                Provider = Hostile,
                Deployment = Hostile,
                Backing = Hostile,
            },
            started: false,
            atSeconds: 1);
        ReplayReport report = tally.Fill(ReplayReportTests.Sample() with
        {
            Trace = new TraceSummary(Hostile, 1, 1, 1, 1),
            Models = [Hostile],
            Origin = new ReplayOrigin(Hostile, Hostile, [Hostile]),
            Ledger = [new LedgerRow(Hostile, Hostile, Hostile, 1, 1, 1, 1, 1, 1, 1)],
        });

        string page = ReplayReportHtml.Page(report);

        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", page, StringComparison.Ordinal);
        AssertBalanced(page);
    }

    [Fact]
    public void Curves_are_drawn_for_what_happened_and_an_empty_run_has_a_page_too()
    {
        XElement body = AssertBalanced(ReplayReportHtml.Page(ReplayReportTests.Sample()));
        string[] titles = [.. body.Descendants("figcaption").Select(f => f.FirstNode!.ToString())];

        Assert.Equal(8, titles.Length);
        Assert.Contains("Time to first token", titles);
        Assert.Contains("Requests and errors", titles);
        Assert.All(body.Descendants("svg"), svg => Assert.NotEmpty(svg.Elements("path")));
        Assert.DoesNotContain("NaN", body.ToString(), StringComparison.Ordinal);
        AssertBalanced(ReplayReportHtml.Page(new ReplayTally().Fill(ReplayReportTests.Sample())));
    }

    /// <summary>The body is well-formed XML: every element is closed, every attribute quoted, every sign escaped.</summary>
    private static XElement AssertBalanced(string page)
    {
        int start = page.IndexOf("<body>", StringComparison.Ordinal);
        int end = page.IndexOf("</body>", StringComparison.Ordinal) + "</body>".Length;
        return XElement.Parse(page[start..end]);
    }
}

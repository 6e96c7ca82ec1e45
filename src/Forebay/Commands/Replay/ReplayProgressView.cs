using Forebay.Simulation.Replay;
using Forebay.Simulation.Replay.Reports;
using Forebay.Simulation.Traces;
using Spectre.Console;

namespace Forebay.Commands.Replay;

/// <summary>
/// Shows how far a replay has come, on standard error so that standard output holds the report alone: a bar on a
/// terminal, a line every few seconds elsewhere.
/// </summary>
internal static class ReplayProgressView
{
    private static readonly TimeSpan BarInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);

    /// <summary>Returns when the run has ended, however it did.</summary>
    public static async Task ShowAsync(
        ReplayRun run, Task running, TraceSummary summary, double speed, TimeProvider time)
    {
        await Console.Error.WriteLineAsync(
            $"Replaying {summary.Requests:N0} requests of {summary.Name} in " +
            $"{TimeSpan.FromSeconds(summary.DurationSeconds / speed):h\\:mm\\:ss}; Ctrl-C stops and reports.")
            .ConfigureAwait(false);
        if (Console.IsErrorRedirected)
        {
            while (!await EndedWithinAsync(running, LineInterval, time).ConfigureAwait(false))
            {
                await Console.Error.WriteLineAsync(Describe(run.Progress, summary)).ConfigureAwait(false);
            }

            return;
        }

        IAnsiConsole console = AnsiConsole.Create(
            new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        await console.Progress()
            .Columns(
                new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn(), new TaskDescriptionColumn())
            .StartAsync(async context =>
            {
                ProgressTask bar = context.AddTask(Describe(run.Progress, summary), maxValue: summary.Requests);
                while (!await EndedWithinAsync(running, BarInterval, time).ConfigureAwait(false))
                {
                    Update(bar, run.Progress, summary);
                }

                Update(bar, run.Progress, summary);
            })
            .ConfigureAwait(false);
    }

    private static void Update(ProgressTask bar, ReplayProgress progress, TraceSummary summary)
    {
        bar.Value = progress.Due - progress.InFlight;
        bar.Description = Markup.Escape(Describe(progress, summary));
    }

    private static string Describe(ReplayProgress p, TraceSummary summary)
    {
        string notSent = p.NotSent > 0 ? $", {p.NotSent:N0} not sent" : "";
        return $"{p.Due:N0} of {summary.Requests:N0} due, {p.InFlight:N0} in flight, {p.Succeeded:N0} succeeded, " +
            $"{p.Failed:N0} failed{notSent}";
    }

    private static async Task<bool> EndedWithinAsync(Task running, TimeSpan wait, TimeProvider time)
    {
        await Task.WhenAny(running, Task.Delay(wait, time)).ConfigureAwait(false);
        return running.IsCompleted;
    }
}

using System.Globalization;
using System.Security.Cryptography;

namespace Forebay.TestKit.Fuzzing;

/// <summary>A case of a fuzz run failed; the message says how to run that case alone.</summary>
public sealed class FuzzException(string message, Exception inner) : Exception(message, inner);

/// <summary>
/// Runs a check over inputs made from seeds: the same ones in every run, and as many from a seed drawn for this run. Each
/// case has a seed of its own, which a failure names. <c>FOREBAY_FUZZ_SEED</c> runs from that seed alone,
/// <c>FOREBAY_FUZZ_COUNT</c> sets how many cases each part runs.
/// </summary>
public static class FuzzRun
{
    private const string SeedVariable = "FOREBAY_FUZZ_SEED";
    private const string CountVariable = "FOREBAY_FUZZ_COUNT";
    private const int FixedSeed = 20_261_122;

    /// <summary>A case that takes longer has hung: the process ends and names it.</summary>
    private static readonly TimeSpan LongestCase = TimeSpan.FromMinutes(1);

    /// <summary>Runs a check.</summary>
    /// <param name="name">What is fuzzed, for the output.</param>
    /// <param name="count">Cases for each part where the environment does not say.</param>
    /// <param name="check">One case: makes its input from the generator and throws when something is wrong.</param>
    public static void Each(string name, int count, Action<Random> check)
    {
        int most = Number(CountVariable) ?? count;
        foreach ((int seed, string kind) in Seeds())
        {
            long started = TimeProvider.System.GetTimestamp();
            int current = seed;
            using ITimer watchdog = TimeProvider.System.CreateTimer(
                _ => Environment.FailFast($"Fuzzing {name} hung. {Replay(Volatile.Read(ref current))}"),
                null, LongestCase, Timeout.InfiniteTimeSpan);
            for (int i = 0; i < most; i++)
            {
                Volatile.Write(ref current, unchecked(seed + i));
                if (i % 64 == 0)
                {
                    watchdog.Change(LongestCase, Timeout.InfiniteTimeSpan);
                }

                Case(name, current, check);
            }

            Tell(name, most, seed, kind, started);
        }
    }

    /// <summary>Runs a check that waits; so many cases at a time.</summary>
    /// <inheritdoc cref="Each"/>
    public static async Task EachAsync(string name, int count, int atOnce, Func<Random, Task> check)
    {
        int most = Number(CountVariable) ?? count;
        foreach ((int seed, string kind) in Seeds())
        {
            long started = TimeProvider.System.GetTimestamp();
            await Parallel.ForAsync(0, most, new ParallelOptions { MaxDegreeOfParallelism = atOnce }, async (i, _) =>
            {
                int own = unchecked(seed + i);
                try
                {
                    await check(new Random(own)).WaitAsync(LongestCase, TimeProvider.System, CancellationToken.None);
                }
                catch (Exception e)
                {
                    throw new FuzzException($"Fuzzing {name} failed. {Replay(own)}\n{e.Message}", e);
                }
            });
            Tell(name, most, seed, kind, started);
        }
    }

    private static void Case(string name, int seed, Action<Random> check)
    {
        try
        {
            check(new Random(seed));
        }
        catch (Exception e)
        {
            throw new FuzzException($"Fuzzing {name} failed. {Replay(seed)}\n{e.Message}", e);
        }
    }

    private static IEnumerable<(int Seed, string Kind)> Seeds() => Number(SeedVariable) is { } given
        ? [(given, "given")]
        : [(FixedSeed, "fixed"), (RandomNumberGenerator.GetInt32(int.MaxValue), "fresh")];

    private static string Replay(int seed) => $"Run it again with {SeedVariable}={seed} {CountVariable}=1.";

    private static void Tell(string name, int count, int seed, string kind, long started) => Console.WriteLine(
        $"Fuzzed {name}: {count} inputs from the {kind} seed {seed} in " +
        $"{TimeProvider.System.GetElapsedTime(started).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s.");

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int value)
            ? value
            : null;
}

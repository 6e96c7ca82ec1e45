using Forebay.Core.Config;
using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity;

/// <summary>Rules over commitments: their term, their ramp, and what the pools take from them.</summary>
internal static class CommitmentRules
{
    /// <summary>Keeps sums of absurd figures within a decimal; their own range is reported elsewhere.</summary>
    private const decimal MostCounted = 1e18m;

    public static void Check(FleetIndex index, List<ConfigProblem> problems)
    {
        ILookup<string, PoolConfig> pools = index.Config.Pools
            .Where(p => p.Commitment is not null && p.Accelerators is not null)
            .ToLookup(p => p.Commitment!, StringComparer.Ordinal);
        for (int i = 0; i < index.Config.Commitments.Length; i++)
        {
            CommitmentConfig commitment = index.Config.Commitments[i];
            string path = $"commitments[{i}]";
            if (commitment.Starts > commitment.Ends)
            {
                problems.Add(new ConfigProblem(
                    $"{path}.ends",
                    $"ends is {commitment.Ends:yyyy-MM-dd}, before starts, which is {commitment.Starts:yyyy-MM-dd}",
                    "Swap them."));
            }

            CheckRamp(commitment, path, problems);
            CheckPools(commitment, path, pools[commitment.Id], problems);
        }
    }

    private static void CheckRamp(CommitmentConfig commitment, string path, List<ConfigProblem> problems)
    {
        for (int i = 0; i < commitment.Ramp.Length; i++)
        {
            RampStepConfig step = commitment.Ramp[i];
            string at = $"{path}.ramp[{i}]";
            if (i > 0 && step.From <= commitment.Ramp[i - 1].From)
            {
                problems.Add(new ConfigProblem(
                    $"{at}.from",
                    $"from is {step.From:yyyy-MM-dd}, not after the step before it, "
                        + $"{commitment.Ramp[i - 1].From:yyyy-MM-dd}",
                    "Order the steps by date."));
            }

            if (step.From < commitment.Starts || step.From > commitment.Ends)
            {
                problems.Add(new ConfigProblem(
                    $"{at}.from",
                    $"from is {step.From:yyyy-MM-dd}, outside the term {Term(commitment)}",
                    "Move the step into the term, or change starts or ends."));
            }

            if (step.Quantity.HasNumber && commitment.Quantity.HasNumber
                && step.Quantity.Low > commitment.Quantity.High)
            {
                problems.Add(new ConfigProblem(
                    $"{at}.quantity",
                    $"the step's quantity is {Words.Show(step.Quantity)}, above the commitment's quantity, "
                        + Words.Show(commitment.Quantity),
                    "Lower the step or raise quantity."));
            }
        }
    }

    private static void CheckPools(
        CommitmentConfig commitment,
        string path,
        IEnumerable<PoolConfig> pools,
        List<ConfigProblem> problems)
    {
        PoolConfig[] counted = [.. pools.Where(p => p.Accelerators!.Count.HasNumber)];
        if (commitment.Unit != CommitmentUnit.Accelerators || !commitment.Quantity.HasNumber)
        {
            return;
        }

        decimal taken = counted.Sum(p => Math.Clamp(p.Accelerators!.Count.Low, 0, MostCounted));
        if (taken > commitment.Quantity.High)
        {
            string parts = string.Join(" + ", counted.Select(p => $"{p.Id} {p.Accelerators!.Count.Low}"));
            problems.Add(new ConfigProblem(
                $"{path}.quantity",
                $"the pools under it hold {taken} accelerators ({parts}), but quantity is "
                    + Words.Show(commitment.Quantity),
                "Raise quantity or lower the pools' accelerators.count."));
        }
    }

    private static string Term(CommitmentConfig commitment) =>
        $"{Day(commitment.Starts)} to {Day(commitment.Ends)}";

    private static string Day(DateOnly? day) => day?.ToString("yyyy-MM-dd") ?? "(open)";
}

using Forebay.Core.Config;
using Forebay.Core.Fleet.Managed;

namespace Forebay.Core.Capacity.Partners;

/// <summary>What an onboarding file must hold by itself, beside the rules of the fleet that it joins.</summary>
public static class OnboardingRules
{
    /// <summary>The objects that the partner adds to the fleet.</summary>
    public static ManagedPart PartOf(OnboardingConfig file) => new()
    {
        ConcentrationGroups = file.ConcentrationGroups,
        Providers = file.Provider is null ? [] : [file.Provider],
        Sites = file.Sites,
        Commitments = [file.Commitment],
        Pools = file.Pools,
    };

    public static void Check(OnboardingConfig file, List<ConfigProblem> problems)
    {
        KeyRules.Check(file, problems);
        CheckPools(file, problems);
        CheckConnections(file, problems);
        CheckTerms(file.Commitment, problems);
    }

    private static void CheckPools(OnboardingConfig file, List<ConfigProblem> problems)
    {
        if (file.Pools.Length == 0)
        {
            problems.Add(new ConfigProblem("pools", "there is no pool", "Add what the commitment delivers."));
        }

        for (int i = 0; i < file.Pools.Length; i++)
        {
            if (file.Pools[i].Commitment is { } commitment && commitment != file.Commitment.Id)
            {
                problems.Add(new ConfigProblem(
                    $"pools[{i}].commitment",
                    $"the pool comes from {Words.Quote(commitment)}, but the file offers "
                        + Words.Quote(file.Commitment.Id),
                    $"Name {file.Commitment.Id}, or offer the other commitment in a file of its own.")
                {
                    OtherPath = "commitment.id",
                });
            }
            else if (file.Pools[i].Commitment is null)
            {
                problems.Add(new ConfigProblem(
                    $"pools[{i}].commitment",
                    "the pool names no commitment",
                    $"Add commitment: {file.Commitment.Id}."));
            }
        }
    }

    private static void CheckConnections(OnboardingConfig file, List<ConfigProblem> problems)
    {
        var reached = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < file.Connections.Length; i++)
        {
            ConnectionConfig connection = file.Connections[i];
            string path = $"connections[{i}]";
            UrlRules.Check($"{path}.endpoint", connection.Endpoint, UrlRules.Http, problems);
            UrlRules.Check($"{path}.inventory", connection.Inventory, UrlRules.Http, problems);
            if (!file.Pools.Any(p => p.Id == connection.Pool))
            {
                problems.Add(new ConfigProblem(
                    $"{path}.pool",
                    $"the file has no pool {Words.Quote(connection.Pool)}",
                    Suggestion.Sentence(connection.Pool, [.. file.Pools.Select(p => p.Id)])));
            }
            else if (!reached.Add(connection.Pool))
            {
                problems.Add(new ConfigProblem(
                    $"{path}.pool", $"pool {connection.Pool} is reached twice", "Give each pool one connection."));
            }
        }
    }

    /// <summary>Terms that contradict each other, beyond what the fleet's rules find in a single commitment.</summary>
    private static void CheckTerms(CommitmentConfig terms, List<ConfigProblem> problems)
    {
        RampStepConfig[] ramp = terms.Ramp;
        for (int i = 1; i < ramp.Length; i++)
        {
            if (ramp[i].Quantity.HasNumber && ramp[i - 1].Quantity.HasNumber
                && ramp[i].Quantity.High < ramp[i - 1].Quantity.Low)
            {
                problems.Add(new ConfigProblem(
                    $"commitment.ramp[{i}].quantity",
                    $"the ramp falls from {Words.Show(ramp[i - 1].Quantity)} to {Words.Show(ramp[i].Quantity)}",
                    "A ramp rises; write what ends earlier as a commitment of its own.")
                {
                    OtherPath = $"commitment.ramp[{i - 1}].quantity",
                });
            }
        }

        if (terms.TakeOrPayShare is { HasNumber: true, Low: > 0 } && terms.Price is null)
        {
            problems.Add(new ConfigProblem(
                "commitment.take_or_pay_share",
                $"{Words.Show(terms.TakeOrPayShare)} of a price is owed, but there is no price",
                "Add price, or take take_or_pay_share out."));
        }

        if (terms is { CureDays: { HasNumber: true } cure, Starts: { } starts, Ends: { } ends }
            && cure.Low > ends.DayNumber - starts.DayNumber + 1)
        {
            problems.Add(new ConfigProblem(
                "commitment.cure_days",
                $"a shortfall may be cured for {Words.Show(cure)} days, longer than the term",
                "Lower cure_days, or correct starts and ends."));
        }

        if (terms is { NoticeDays: { HasNumber: true } notice, Starts: { } from, Ends: { } to } && from <= to
            && notice.Low > to.DayNumber - from.DayNumber + 1)
        {
            problems.Add(new ConfigProblem(
                "commitment.notice_days",
                $"notice is {Words.Show(notice)} days, longer than the term: nobody could ever give it",
                "Lower notice_days, or correct starts and ends."));
        }
    }
}

using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Rollout;

namespace Forebay.Core.Serving;

/// <summary>Rules over models and over prices by date.</summary>
internal static class ModelRules
{
    public static void Check(FleetConfig config, List<ConfigProblem> problems)
    {
        CheckNames(config.Models, problems);
        for (int i = 0; i < config.Models.Length; i++)
        {
            CheckModel(config.Models[i], $"models[{i}]", problems);
            if (RolloutMachine.CheckSteps(config.Models[i].Rollout.Steps) is { } wrong)
            {
                problems.Add(new ConfigProblem(
                    $"models[{i}].rollout.steps", $"steps cannot be: {wrong}",
                    "Give shares that rise to 1, such as [0.01, 0.05, 0.25, 1]"));
            }
        }
    }

    /// <summary>Ids are unique by the rule over all sections; here aliases are, against ids and each other.</summary>
    private static void CheckNames(ModelConfig[] models, List<ConfigProblem> problems)
    {
        var owners = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < models.Length; i++)
        {
            owners.TryAdd(models[i].Id, $"models[{i}].id");
        }

        for (int i = 0; i < models.Length; i++)
        {
            for (int j = 0; j < models[i].Aliases.Length; j++)
            {
                string alias = models[i].Aliases[j];
                string path = $"models[{i}].aliases[{j}]";
                // Twice in one list is reported as a repeated entry already.
                if (!owners.TryAdd(alias, path)
                    && !owners[alias].StartsWith($"models[{i}].aliases", StringComparison.Ordinal))
                {
                    problems.Add(new ConfigProblem(
                        path,
                        $"{Words.Quote(alias)} is taken by {owners[alias]}",
                        "Give each model names of its own."));
                }
            }
        }
    }

    private static void CheckModel(ModelConfig model, string path, List<ConfigProblem> problems)
    {
        if (model.MaxOutputTokens > model.ContextTokens)
        {
            problems.Add(new ConfigProblem(
                $"{path}.max_output_tokens",
                $"max_output_tokens is {model.MaxOutputTokens}, above context_tokens, which is {model.ContextTokens}",
                "Lower max_output_tokens or raise context_tokens.") { OtherPath = $"{path}.context_tokens" });
        }

        if (Array.IndexOf(model.Modalities, Modality.Text) < 0)
        {
            problems.Add(new ConfigProblem($"{path}.modalities", "text is not listed", "Add text."));
        }

        if (model.ActiveParametersBillion is { HasNumber: true } active && model.ParametersBillion.HasNumber
            && active.Low > model.ParametersBillion.High)
        {
            problems.Add(new ConfigProblem(
                $"{path}.active_parameters_billion",
                $"active_parameters_billion is {Words.Show(active)}, above parameters_billion, which is "
                    + Words.Show(model.ParametersBillion),
                "The active parameters are part of the total."));
        }

        CheckPrices(model.Prices, $"{path}.prices", problems);
    }

    /// <summary>Prices stand in order of date, and only the first may have none.</summary>
    public static void CheckPrices(PriceConfig[] prices, string path, List<ConfigProblem> problems)
    {
        for (int i = 1; i < prices.Length; i++)
        {
            if (prices[i].From is not { } from)
            {
                problems.Add(new ConfigProblem(
                    $"{path}[{i}].from",
                    "from is left out, which only the first entry may do",
                    "Add from: the first day the prices hold."));
            }
            else if (from <= prices[i - 1].From)
            {
                problems.Add(new ConfigProblem(
                    $"{path}[{i}].from",
                    $"from is {from:yyyy-MM-dd}, not after the entry before it, {prices[i - 1].From:yyyy-MM-dd}",
                    "Order the prices by date."));
            }
        }
    }
}

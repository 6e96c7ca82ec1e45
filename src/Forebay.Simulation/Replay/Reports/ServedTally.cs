namespace Forebay.Simulation.Replay.Reports;

/// <summary>What a model's requests got from one provider and backing, as the client counted it; requests that
/// succeeded.</summary>
public sealed record ServedReport(
    string Model,
    string Provider,
    string Backing,
    long Requests,
    long InputTokens,
    long CachedInputTokens,
    long OutputTokens);

/// <summary>The same, as the server's usage ledger has it: requests that completed, and the money of all.</summary>
/// <param name="Model">Model id.</param>
/// <param name="Provider">Provider id.</param>
/// <param name="Backing">What stood behind the answers: real, emulated or cloud.</param>
/// <param name="Requests">Requests that completed.</param>
/// <param name="OtherRequests">Requests that failed, were given up by the client or interrupted.</param>
/// <param name="InputTokens">Whole prompts of the completed ones.</param>
/// <param name="CachedInputTokens">What of them was read from a cache.</param>
/// <param name="OutputTokens">Tokens of their answers.</param>
/// <param name="ProviderCostMicros">What the provider charges for all, in millionths of a US dollar.</param>
/// <param name="CustomerPriceMicros">What the customer pays for all, in millionths of a US dollar.</param>
public sealed record LedgerRow(
    string Model,
    string Provider,
    string Backing,
    long Requests,
    long OtherRequests,
    long InputTokens,
    long CachedInputTokens,
    long OutputTokens,
    long ProviderCostMicros,
    long CustomerPriceMicros);

/// <summary>Adds up what each model got from each provider and backing.</summary>
internal sealed class ServedTally
{
    private readonly SortedDictionary<(string Model, string Provider, string Backing), ServedReport> _rows = [];

    public void Add(ReplayOutcome outcome)
    {
        if (outcome.End != ReplayEnd.Succeeded)
        {
            return;
        }

        var key = (outcome.Model, outcome.Provider ?? ReplayTally.Unknown, outcome.Backing ?? ReplayTally.Unknown);
        if (!_rows.ContainsKey(key) && _rows.Count >= ReplayTally.MaxGroups)
        {
            key = (ReplayTally.Other, ReplayTally.Other, ReplayTally.Other);
        }

        ServedReport row = _rows.GetValueOrDefault(key)
            ?? new ServedReport(key.Item1, key.Item2, key.Item3, 0, 0, 0, 0);
        _rows[key] = row with
        {
            Requests = row.Requests + 1,
            InputTokens = row.InputTokens + outcome.InputTokens,
            CachedInputTokens = row.CachedInputTokens + outcome.CachedInputTokens,
            OutputTokens = row.OutputTokens + outcome.OutputTokens,
        };
    }

    public ServedReport[] ToReport() => [.. _rows.Values];
}

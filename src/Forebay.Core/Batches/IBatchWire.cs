using Forebay.Core.Errors;

namespace Forebay.Core.Batches;

/// <summary>An item of a batch.</summary>
/// <param name="CustomId">What its tenant calls it.</param>
/// <param name="Model">The model's name as the tenant wrote it.</param>
/// <param name="Body">The request's body.</param>
public readonly record struct BatchItem(string CustomId, string Model, ReadOnlyMemory<byte> Body);

/// <summary>A run of an item.</summary>
/// <param name="Batch">Whose item.</param>
/// <param name="Item">What to run.</param>
/// <param name="Request">The id of the request that the run is.</param>
/// <param name="Prepaid">An answer that was lost has been charged already: this one is not.</param>
public sealed record BatchCall(Batch Batch, BatchItem Item, UInt128 Request, bool Prepaid);

/// <summary>What came of a run.</summary>
/// <param name="Outcome">Succeeded or errored.</param>
/// <param name="Reason">Why it errored, where that was the server's own word.</param>
/// <param name="Line">The item's line of the results, without a line break.</param>
/// <param name="Tokens">What the answer took.</param>
public sealed record BatchAnswer(ItemOutcome Outcome, Reason Reason, byte[] Line, BatchTokens Tokens);

/// <summary>Reads and words what the interfaces' own formats say, and runs items. Implemented by the gateway.</summary>
public interface IBatchWire
{
    /// <summary>Reads a line of an input file.</summary>
    /// <param name="batch">The batch it is for.</param>
    /// <param name="line">The line, without its line break.</param>
    /// <param name="number">Its number, from 1.</param>
    /// <param name="item">What it holds.</param>
    /// <param name="problem">What is wrong with it.</param>
    bool TryReadLine(
        Batch batch, ReadOnlyMemory<byte> line, int number, out BatchItem item, out BatchProblem? problem);

    /// <summary>The line of the results of an item that was never answered.</summary>
    byte[] LeftoverLine(Batch batch, int item, string customId, ItemOutcome outcome);

    /// <summary>Makes the id of a request.</summary>
    UInt128 NewRequest(long nowUnixMs);

    /// <summary>Runs an item through the gateway's own pipeline, as the batch's tenant. Does not throw for what may
    /// happen to a request.</summary>
    Task<BatchAnswer> RunAsync(BatchCall call);
}

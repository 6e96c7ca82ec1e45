namespace Forebay.Gateway.Batches;

/// <summary>Says of a request that it is an item of a batch.</summary>
/// <param name="Key">Id of the key that the batch was made by.</param>
/// <param name="Prepaid">An answer to it was charged before, and lost: this one is not.</param>
internal sealed record BatchRun(string Key, bool Prepaid);

namespace Forebay.Core.Limits.Following;

/// <summary>Where the controller's inputs come from: capacity as it is now, demand as it was recorded.</summary>
public interface IFollowingInputs
{
    /// <summary>Takes a snapshot.</summary>
    Task<FollowingInputs> ReadAsync(CancellationToken cancel);
}

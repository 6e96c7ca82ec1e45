namespace Forebay.Control.Withdrawals;

/// <summary>The gateway's connections to deployments, as far as withdrawals need them.</summary>
public interface IConnectionCut
{
    /// <summary>Closes every connection to these deployments, and opens none until they are restored.</summary>
    /// <returns>How many were open.</returns>
    int Cut(IReadOnlyCollection<string> deploymentIds);

    /// <summary>Opens connections to these deployments again.</summary>
    void Restore(IReadOnlyCollection<string> deploymentIds);
}

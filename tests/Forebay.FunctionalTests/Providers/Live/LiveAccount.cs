using Forebay.Core.Serving;
using Forebay.FunctionalTests.Gateway;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Live;

/// <summary>A real account, if the environment holds one: a gateway whose one deployment is there.</summary>
public abstract class LiveAccount : IAsyncLifetime
{
    /// <summary>What a test may ask for at most: an account is somebody's money.</summary>
    public const int MostOutputTokens = 256;

    /// <summary>The variables that make the account, all of which must be set.</summary>
    public abstract IReadOnlyList<string> Variables { get; }

    /// <summary>The dialect it speaks.</summary>
    public abstract Dialect Dialect { get; }

    /// <summary>Null where a variable is missing.</summary>
    public GatewayHarness? Gateway { get; private set; }

    /// <summary>The deployment as an operator writes it.</summary>
    protected abstract DeploymentConfig Deploy(DeploymentConfig standard);

    public async ValueTask InitializeAsync()
    {
        if (Variables.All(v => Environment.GetEnvironmentVariable(v) is { Length: > 0 }))
        {
            Gateway = await GatewayHarness.StartAsync(
                [new Uri("http://127.0.0.1:9")],
                config => config with
                {
                    Deployments =
                    [
                        .. config.Deployments.Select(d => Deploy(d with
                        {
                            Dialects = [Dialect], Endpoint = null, Credential = null, Backing = Backing.Cloud,
                        })),
                    ],
                },
                reference => Read(reference["env:".Length..]));
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Gateway is not null)
        {
            await Gateway.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    protected static string Read(string variable) => Environment.GetEnvironmentVariable(variable)!;
}

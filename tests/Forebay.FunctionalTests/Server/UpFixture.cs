using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>One <c>forebay up</c> for every test that leaves it as it was.</summary>
public sealed class UpFixture : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();

    internal string Data => _folder.File("data");

    internal ForebayProcess Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await ForebayProcess.UpAsync(Data);

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _folder.Dispose();
    }
}

[CollectionDefinition(nameof(UpFixture))]
public sealed class UpCollection : ICollectionFixture<UpFixture>;

using Forebay.Control.Access;
using Forebay.Control.Audit;
using Forebay.Core.Fleet;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Memory;
using Forebay.TestKit.Time;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.UnitTests.Control.Access;

/// <summary>The access services over stores in memory and a clock that stands.</summary>
internal sealed class AccessFixture : IDisposable
{
    public AccessFixture()
    {
        Fleet.Model = SmallFleet.Build();
        Change = new AuditedChange(Audit, Time, NullLogger<AuditedChange>.Instance);
        Keys = new KeyService(Fleet, Store, Change, Time);
        Tokens = new AdminTokenService(Store, Change, Time);
    }

    public FleetState Fleet { get; } = new();

    public MemoryAccessStore Store { get; } = new();

    public MemoryAuditLog Audit { get; } = new();

    public ManualTime Time { get; } = new();

    public AuditedChange Change { get; }

    public KeyService Keys { get; }

    public AdminTokenService Tokens { get; }

    public void Dispose()
    {
        Keys.Dispose();
        Tokens.Dispose();
    }
}

namespace Forebay.Core.Capacity.Partners;

/// <summary>One thing that happened to a partner.</summary>
/// <param name="Partner">The partner.</param>
/// <param name="Revision">The revision that it made.</param>
/// <param name="AtUnixMs">When.</param>
/// <param name="Actor">Who did it.</param>
/// <param name="Event">What, such as <c>signed</c>.</param>
/// <param name="State">Where the partner stood after it.</param>
public sealed record PartnerEvent(
    string Partner, long Revision, long AtUnixMs, string Actor, string Event, PartnerState State);

/// <summary>Partners and what happened to them, durable.</summary>
public interface IPartnerStore
{
    /// <summary>Every partner, those that left included, by id.</summary>
    Task<IReadOnlyList<Partner>> ListPartnersAsync(CancellationToken cancel);

    /// <summary>Saves the next revision with what made it, both or neither.</summary>
    /// <exception cref="CapacityConflictException">The stored revision is not the one before: somebody else changed the
    /// partner; nothing was saved.</exception>
    Task SavePartnerAsync(Partner next, PartnerEvent made, CancellationToken cancel);

    /// <summary>What happened to a partner, oldest first.</summary>
    Task<IReadOnlyList<PartnerEvent>> ReadPartnerEventsAsync(string id, CancellationToken cancel);
}

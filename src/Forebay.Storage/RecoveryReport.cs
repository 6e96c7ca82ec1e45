using Forebay.Storage.Journal;

namespace Forebay.Storage;

/// <summary>What was found and put right when a data directory was opened.</summary>
/// <param name="Interrupted">Requests in flight when the last process ended, now recorded as interrupted.</param>
/// <param name="TornBytes">Bytes cut off the journal's end because no whole record holds them; normal after a kill or
/// a power cut.</param>
/// <param name="Damage">Journal bytes that could not be read though they should; never normal.</param>
public sealed record RecoveryReport(int Interrupted, long TornBytes, IReadOnlyList<JournalDamage> Damage);

using System.Text.Json;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Partners;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Partners in SQLite: a revision and what made it are one transaction.</summary>
internal sealed class SqlitePartnerStore(SqliteStore store) : IPartnerStore
{
    public Task<IReadOnlyList<Partner>> ListPartnersAsync(CancellationToken cancel) =>
        store.ReadAsync<IReadOnlyList<Partner>>(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = "SELECT partner FROM partners ORDER BY id";
                using SqliteDataReader row = command.ExecuteReader();
                var partners = new List<Partner>();
                while (row.Read())
                {
                    partners.Add(Read(row.GetString(0)));
                }

                return partners;
            },
            cancel);

    public Task SavePartnerAsync(Partner next, PartnerEvent made, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand save = connection.CreateCommand();
            save.CommandText = next.Revision == 1
                ? "INSERT INTO partners (id, revision, partner) VALUES ($id, 1, $partner) ON CONFLICT DO NOTHING"
                : "UPDATE partners SET revision = $revision, partner = $partner "
                    + "WHERE id = $id AND revision = $revision - 1";
            save.Parameters.AddWithValue("$id", next.Id);
            save.Parameters.AddWithValue("$partner", next.ToJson());
            if (next.Revision != 1)
            {
                save.Parameters.AddWithValue("$revision", next.Revision);
            }

            if (save.ExecuteNonQuery() != 1)
            {
                throw new CapacityConflictException(
                    $"Partner {next.Id} was changed by somebody else at the same time, who was first. Nothing was "
                    + $"changed; look at it again (forebay provider show {next.Id}).");
            }

            using SqliteCommand append = connection.CreateCommand();
            append.CommandText = """
                INSERT INTO partner_events (partner, revision, at_ms, actor, event, state)
                VALUES ($partner, $revision, $at, $actor, $event, $state)
                """;
            append.Parameters.AddWithValue("$partner", made.Partner);
            append.Parameters.AddWithValue("$revision", made.Revision);
            append.Parameters.AddWithValue("$at", made.AtUnixMs);
            append.Parameters.AddWithValue("$actor", made.Actor);
            append.Parameters.AddWithValue("$event", made.Event);
            append.Parameters.AddWithValue("$state", made.State.ToString());
            return append.ExecuteNonQuery();
        },
        cancel);

    public Task<IReadOnlyList<PartnerEvent>> ReadPartnerEventsAsync(string id, CancellationToken cancel) =>
        store.ReadAsync<IReadOnlyList<PartnerEvent>>(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = """
                    SELECT partner, revision, at_ms, actor, event, state FROM partner_events
                    WHERE partner = $id ORDER BY sequence
                    """;
                command.Parameters.AddWithValue("$id", id);
                using SqliteDataReader row = command.ExecuteReader();
                var events = new List<PartnerEvent>();
                while (row.Read())
                {
                    events.Add(new PartnerEvent(
                        row.GetString(0), row.GetInt64(1), row.GetInt64(2), row.GetString(3), row.GetString(4),
                        Enum.Parse<PartnerState>(row.GetString(5))));
                }

                return events;
            },
            cancel);

    private static Partner Read(string json)
    {
        try
        {
            return Partner.Parse(json);
        }
        catch (JsonException e)
        {
            throw new StorageException("A partner in the database is damaged. Restore a backup.", e);
        }
    }
}

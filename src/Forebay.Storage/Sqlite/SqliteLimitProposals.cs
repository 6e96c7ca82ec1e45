using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Proposals and decisions on multipliers in SQLite.</summary>
internal sealed class SqliteLimitProposals(SqliteStore store) : ILimitProposals
{
    private const string ProposalColumns =
        "id, at_ms, base_version, cause, multipliers, announce_ms, arithmetic, proposed_by, state, decided_ms, "
        + "decided_by, by_ms";

    /// <summary>What is lowered by a known time is stored as lowered, with that time.</summary>
    private static readonly string[] Causes = ["raise", "reduce_hours", "lower", "capacity_lost", "lower"];
    private static readonly string[] States = ["open", "applied", "replaced"];

    public Task<RecordedProposal> AddAsync(
        LimitProposal proposal, long baseVersion, string proposedBy, DateTimeOffset at, CancellationToken cancel) =>
        store.WriteAsync(
            connection =>
            {
                ReplaceOpen(connection, proposedBy, at);
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = """
                    INSERT INTO limit_proposals
                        (at_ms, base_version, cause, multipliers, announce_ms, arithmetic, proposed_by, state, by_ms)
                    VALUES ($at, $base, $cause, $multipliers, $announce, $arithmetic, $by, 'open', $latest)
                    RETURNING id
                    """;
                command.Parameters.AddWithValue("$at", at.ToUnixTimeMilliseconds());
                command.Parameters.AddWithValue("$base", baseVersion);
                command.Parameters.AddWithValue("$cause", Causes[(int)proposal.Cause]);
                command.Parameters.AddWithValue("$multipliers", proposal.Next.ToText());
                command.Parameters.AddWithValue("$announce", proposal.AnnounceMs);
                command.Parameters.AddWithValue("$arithmetic", string.Join('\n', proposal.Arithmetic));
                command.Parameters.AddWithValue("$by", proposedBy);
                command.Parameters.AddWithValue("$latest", (object?)proposal.ByUnixMs ?? DBNull.Value);
                long id = (long)command.ExecuteScalar()!;
                return new RecordedProposal(
                    id, TimeOf(at.ToUnixTimeMilliseconds()), baseVersion, proposal, proposedBy, ProposalState.Open,
                    null, null);
            },
            cancel);

    public Task SaveHoldsAsync(StoredHolds holds, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            SqliteStore.Execute(connection, "DELETE FROM limit_holds");
            foreach ((string modelClass, ClassHold hold) in holds.Holds)
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = """
                    INSERT INTO limit_holds
                        (class, version, at_ms, raise_since_ms, raise_to, short_since_ms, covered_input, covered_output)
                    VALUES ($class, $version, $at, $raise_since, $raise, $short_since, $input, $output)
                    """;
                command.Parameters.AddWithValue("$class", modelClass);
                command.Parameters.AddWithValue("$version", holds.Version);
                command.Parameters.AddWithValue("$at", holds.At.ToUnixTimeMilliseconds());
                command.Parameters.AddWithValue("$raise_since", (object?)hold.RaiseSinceMs ?? DBNull.Value);
                command.Parameters.AddWithValue("$raise", TierMultipliers.Of(hold.Raise).ToText());
                command.Parameters.AddWithValue("$short_since", (object?)hold.ShortSinceMs ?? DBNull.Value);
                command.Parameters.AddWithValue("$input", hold.CoveredInput);
                command.Parameters.AddWithValue("$output", hold.CoveredOutput);
                command.ExecuteNonQuery();
            }

            return true;
        },
        cancel);

    public Task<StoredHolds?> LoadHoldsAsync(CancellationToken cancel) => store.ReadAsync<StoredHolds?>(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                SELECT class, version, at_ms, raise_since_ms, raise_to, short_since_ms, covered_input, covered_output
                FROM limit_holds
                """;
            using SqliteDataReader row = command.ExecuteReader();
            var holds = new Dictionary<string, ClassHold>(StringComparer.Ordinal);
            (long Version, long AtMs) last = default;
            while (row.Read())
            {
                last = (row.GetInt64(1), row.GetInt64(2));
                holds.Add(row.GetString(0), new ClassHold(
                    row.IsDBNull(3) ? null : row.GetInt64(3), [.. Parse(row.GetString(4)).Entries],
                    row.IsDBNull(5) ? null : row.GetInt64(5), row.GetDouble(6), row.GetDouble(7)));
            }

            return holds.Count == 0 ? null : new StoredHolds(last.Version, TimeOf(last.AtMs), holds);
        },
        cancel);

    public Task WithdrawAsync(string by, DateTimeOffset at, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            ReplaceOpen(connection, by, at);
            return true;
        },
        cancel);

    public Task<IReadOnlyList<RecordedProposal>> ListAsync(int most, CancellationToken cancel) =>
        store.ReadAsync<IReadOnlyList<RecordedProposal>>(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = $"SELECT {ProposalColumns} FROM limit_proposals ORDER BY id DESC LIMIT $most";
                command.Parameters.AddWithValue("$most", most);
                return ReadProposals(command);
            },
            cancel);

    public Task<RecordedProposal?> FindAsync(long id, CancellationToken cancel) => store.ReadAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = $"SELECT {ProposalColumns} FROM limit_proposals WHERE id = $id";
            command.Parameters.AddWithValue("$id", id);
            return ReadProposals(command).SingleOrDefault();
        },
        cancel);

    public Task<IReadOnlyList<LimitVersion>> ListVersionsAsync(int most, CancellationToken cancel) =>
        store.ReadAsync<IReadOnlyList<LimitVersion>>(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = """
                    SELECT number, at_ms, effective_ms, multipliers, proposal, rolled_back, actor FROM limit_versions
                    ORDER BY number DESC LIMIT $most
                    """;
                command.Parameters.AddWithValue("$most", most);
                using SqliteDataReader row = command.ExecuteReader();
                var versions = new List<LimitVersion>();
                while (row.Read())
                {
                    versions.Add(new LimitVersion(
                        row.GetInt64(0), TimeOf(row.GetInt64(1)), TimeOf(row.GetInt64(2)), Parse(row.GetString(3)),
                        row.IsDBNull(4) ? null : row.GetInt64(4), row.IsDBNull(5) ? null : row.GetInt64(5),
                        row.GetString(6)));
                }

                return versions;
            },
            cancel);

    public Task<bool> DecideAsync(
        LimitVersion version, IReadOnlyCollection<TenantTerms> tenants, string source, CancellationToken cancel) =>
        store.WriteAsync(
            connection =>
            {
                // 1. Whoever comes second finds the number taken, in this process or another.
                if (LastNumber(connection) != version.Number - 1)
                {
                    return false;
                }

                // 2. Its proposal is applied, and one that is open starts from multipliers that are no more.
                if (version.Proposal is { } proposal && !MarkApplied(connection, proposal, version))
                {
                    return false;
                }

                ReplaceOpen(connection, version.Actor, version.At);

                // 3. The decision, and what it changes of each tenant's limits.
                Insert(connection, version);
                SqliteLimitHistory.Record(
                    connection, tenants, LimitVersion.ChangedBy, source, version.EffectiveAt);
                return true;
            },
            cancel);

    private static long LastNumber(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT coalesce(max(number), 0) FROM limit_versions";
        return (long)command.ExecuteScalar()!;
    }

    private static bool MarkApplied(SqliteConnection connection, long proposal, LimitVersion version)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            UPDATE limit_proposals SET state = 'applied', decided_ms = $at, decided_by = $by
            WHERE id = $id AND state = 'open'
            """;
        command.Parameters.AddWithValue("$id", proposal);
        command.Parameters.AddWithValue("$at", version.At.ToUnixTimeMilliseconds());
        command.Parameters.AddWithValue("$by", version.Actor);
        return command.ExecuteNonQuery() == 1;
    }

    private static void ReplaceOpen(SqliteConnection connection, string by, DateTimeOffset at)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText =
            "UPDATE limit_proposals SET state = 'replaced', decided_ms = $at, decided_by = $by WHERE state = 'open'";
        command.Parameters.AddWithValue("$at", at.ToUnixTimeMilliseconds());
        command.Parameters.AddWithValue("$by", by);
        command.ExecuteNonQuery();
    }

    private static void Insert(SqliteConnection connection, LimitVersion version)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            INSERT INTO limit_versions (number, at_ms, effective_ms, multipliers, proposal, rolled_back, actor)
            VALUES ($number, $at, $effective, $multipliers, $proposal, $rolled, $actor)
            """;
        command.Parameters.AddWithValue("$number", version.Number);
        command.Parameters.AddWithValue("$at", version.At.ToUnixTimeMilliseconds());
        command.Parameters.AddWithValue("$effective", version.EffectiveAt.ToUnixTimeMilliseconds());
        command.Parameters.AddWithValue("$multipliers", version.Multipliers.ToText());
        command.Parameters.AddWithValue("$proposal", (object?)version.Proposal ?? DBNull.Value);
        command.Parameters.AddWithValue("$rolled", (object?)version.RolledBack ?? DBNull.Value);
        command.Parameters.AddWithValue("$actor", version.Actor);
        command.ExecuteNonQuery();
    }

    private static List<RecordedProposal> ReadProposals(SqliteCommand command)
    {
        using SqliteDataReader row = command.ExecuteReader();
        var proposals = new List<RecordedProposal>();
        while (row.Read())
        {
            long? latest = row.IsDBNull(11) ? null : row.GetInt64(11);
            var proposal = new LimitProposal(
                latest is null ? (ProposalCause)Array.IndexOf(Causes, row.GetString(3)) : ProposalCause.CapacityEnds,
                Parse(row.GetString(4)),
                row.GetInt64(5),
                [.. row.GetString(6).Split('\n', StringSplitOptions.RemoveEmptyEntries)])
            {
                ByUnixMs = latest,
            };
            proposals.Add(new RecordedProposal(
                row.GetInt64(0), TimeOf(row.GetInt64(1)), row.GetInt64(2), proposal, row.GetString(7),
                (ProposalState)Array.IndexOf(States, row.GetString(8)),
                row.IsDBNull(9) ? null : TimeOf(row.GetInt64(9)),
                row.IsDBNull(10) ? null : row.GetString(10)));
        }

        return proposals;
    }

    private static DateTimeOffset TimeOf(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(unixMs);

    private static TierMultipliers Parse(string text)
    {
        try
        {
            return TierMultipliers.Parse(text);
        }
        catch (FormatException e)
        {
            throw new StorageException("A decision on limits in the database is damaged. Restore a backup.", e);
        }
    }
}

using System.Buffers;
using System.Collections.Frozen;

namespace Forebay.Protocols.Bedrock;

/// <summary>
/// Which of a client's betas a deployment on Bedrock is told. Bedrock refuses a whole request for one beta it does not
/// know, and clients send betas that only some models need, so those that are not known to be taken are left out and
/// named.
/// </summary>
public sealed class BetaRules
{
    /// <summary>Stands for every beta in a list of allowed ones.</summary>
    public const string Any = "*";

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    /// <summary>Betas that Bedrock calls by another name.</summary>
    private static readonly FrozenDictionary<string, string> Renamed = new Dictionary<string, string>
    {
        ["advanced-tool-use-2025-11-20"] = "tool-search-tool-2025-10-19",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private readonly FrozenSet<string> _allowed;
    private readonly FrozenSet<string> _refused;

    /// <param name="allow">Betas sent on beside <see cref="Known"/>; <see cref="Any"/> sends on all.</param>
    /// <param name="refuse">Betas never sent on, whatever else is said.</param>
    public BetaRules(IEnumerable<string> allow, IEnumerable<string> refuse)
    {
        _allowed = Known.Concat(allow).ToFrozenSet(StringComparer.OrdinalIgnoreCase);
        _refused = refuse.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Betas that models on Bedrock are known to take.</summary>
    public static IReadOnlyList<string> Known { get; } =
    [
        "compact-2026-01-12",
        "computer-use-2024-10-22",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14",
        "interleaved-thinking-2025-05-14",
        "mid-conversation-output-config-2026-07-01",
        "mid-conversation-tool-changes-2026-07-01",
        "output-128k-2025-02-19",
        "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18",
        "token-efficient-tools-2025-02-19",
        "tool-examples-2025-10-29",
        "tool-search-tool-2025-10-19",
    ];

    /// <summary>Sorts the betas of a request.</summary>
    /// <param name="headers">Values of the client's <c>anthropic-beta</c> headers: comma-separated lists.</param>
    /// <param name="dropped">Names of those left out, each once; null for none.</param>
    /// <returns>Those sent on, each once.</returns>
    public IReadOnlyList<string> Select(IEnumerable<string> headers, out IReadOnlyList<string>? dropped)
    {
        List<string>? sent = null;
        List<string>? left = null;
        foreach (string header in headers)
        {
            foreach (Range part in header.AsSpan().Split(','))
            {
                ReadOnlySpan<char> name = header.AsSpan()[part].Trim();
                if (name.IsEmpty || name.ContainsAnyExcept(NameCharacters))
                {
                    continue;
                }

                string client = name.ToString();
                string beta = Renamed.GetValueOrDefault(client, client);
                bool goes = !_refused.Contains(client) && !_refused.Contains(beta)
                    && (_allowed.Contains(beta) || _allowed.Contains(Any));
                Add(ref goes ? ref sent : ref left, goes ? beta : client);
            }
        }

        dropped = left;
        return sent ?? (IReadOnlyList<string>)[];
    }

    private static void Add(ref List<string>? list, string name)
    {
        list ??= [];
        if (!list.Contains(name, StringComparer.OrdinalIgnoreCase))
        {
            list.Add(name);
        }
    }
}

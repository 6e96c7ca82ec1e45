using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace Forebay.Simulation.Replay;

/// <summary>Models to ask for, each with a weight.</summary>
public sealed class ModelMix
{
    private readonly ImmutableArray<Share> _shares;
    private readonly double _total;

    private ModelMix(ImmutableArray<Share> shares)
    {
        _shares = shares;
        _total = shares.Sum(s => s.Weight);
    }

    public IEnumerable<string> Ids => _shares.Select(s => s.Id);

    /// <summary>Every model with the same weight.</summary>
    public static ModelMix Even(IEnumerable<string> ids)
    {
        ImmutableArray<Share> shares = [.. ids.Select(id => new Share(id, 1))];
        return shares.IsEmpty
            ? throw new ArgumentException("A mix has at least one model.", nameof(ids))
            : new ModelMix(shares);
    }

    /// <summary>Reads <c>model</c> or <c>model=weight</c>, one an entry.</summary>
    /// <exception cref="FormatException">An entry is not of that form; all of them are named.</exception>
    public static ModelMix Parse(IReadOnlyList<string> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var shares = ImmutableArray.CreateBuilder<Share>();
        var problems = new List<string>();
        foreach (string entry in entries)
        {
            int equals = entry.LastIndexOf('=');
            string id = equals < 0 ? entry : entry[..equals];
            double weight = 1;
            bool understood = equals < 0 || double.TryParse(
                entry.AsSpan(equals + 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out weight);
            if (id.Length == 0 || !understood || weight <= 0)
            {
                problems.Add($"'{entry}' is not a model, or a model and a weight above 0, such as my-model=2");
            }

            shares.Add(new Share(id, weight));
        }

        return problems.Count == 0 && shares.Count > 0
            ? new ModelMix(shares.ToImmutable())
            : throw new FormatException(string.Join(Environment.NewLine, problems));
    }

    /// <summary>Asks a server for its models: <c>GET /v1/models</c>, the shape both dialects share.</summary>
    /// <exception cref="HttpRequestException">The server does not answer, or refuses.</exception>
    /// <exception cref="FormatException">It answers with something else, or has no model for this key.</exception>
    public static async Task<ModelMix> FetchAsync(
        HttpClient http, Uri baseUrl, string apiKey, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(http);
        using var request = new HttpRequestMessage(HttpMethod.Get, ReplayPaths.Under(baseUrl, "v1/models"));
        request.Headers.Authorization = new("Bearer", apiKey);
        using HttpResponseMessage response = await http.SendAsync(request, cancel).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            throw new HttpRequestException(
                $"GET {request.RequestUri} answered {(int)response.StatusCode}; check the URL and the key.",
                inner: null,
                response.StatusCode);
        }

        byte[] body = await response.Content.ReadAsByteArrayAsync(cancel).ConfigureAwait(false);
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            string[] ids =
            [
                .. document.RootElement.GetProperty("data").EnumerateArray()
                    .Select(m => m.GetProperty("id").GetString()!),
            ];
            return ids.Length > 0
                ? Even(ids)
                : throw new FormatException($"{baseUrl} lists no model that this key may use.");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException($"GET {request.RequestUri} did not answer with a list of models.", e);
        }
    }

    /// <summary>The model for a draw, uniform in [0, 1).</summary>
    public string Pick(double draw)
    {
        double left = draw * _total;
        foreach (Share share in _shares)
        {
            left -= share.Weight;
            if (left < 0)
            {
                return share.Id;
            }
        }

        return _shares[^1].Id;
    }

    private readonly record struct Share(string Id, double Weight);
}

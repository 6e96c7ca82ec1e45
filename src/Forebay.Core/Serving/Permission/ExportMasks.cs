using System.Collections.Frozen;

namespace Forebay.Core.Serving.Permission;

/// <summary>What the admin API denies of all models: an immutable snapshot, swapped whole.</summary>
public sealed class ExportMasks
{
    private readonly FrozenDictionary<string, ExportDenials> _byModel;

    public ExportMasks(IEnumerable<ExportDenials> masks)
    {
        _byModel = masks.ToFrozenDictionary(m => m.Model, StringComparer.Ordinal);
        Version = _byModel.Values.Select(m => m.Version).DefaultIfEmpty(0).Max();
    }

    /// <summary>Nothing was ever denied.</summary>
    public static ExportMasks None { get; } = new([]);

    /// <summary>Number of the last change; each change takes the next one.</summary>
    public long Version { get; }

    public IEnumerable<ExportDenials> All => _byModel.Values;

    /// <summary>What is denied of a model: one object as long as nothing about the model changes.</summary>
    public ExportDenials Of(string modelId) => _byModel.GetValueOrDefault(modelId, ExportDenials.None);

    /// <summary>These with one model's replaced.</summary>
    public ExportMasks With(ExportDenials mask) =>
        new(_byModel.Values.Where(m => m.Model != mask.Model).Append(mask));
}

/// <summary>Durable store of export masks.</summary>
public interface IExportStore
{
    Task<IReadOnlyList<ExportDenials>> ListExportsAsync(CancellationToken cancel);

    /// <summary>Adds a model's mask, or replaces it. Masks are never removed: one that denies nothing keeps the number
    /// of its last change.</summary>
    Task SaveExportAsync(ExportDenials mask, CancellationToken cancel);
}

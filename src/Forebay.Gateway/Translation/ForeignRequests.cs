using System.Runtime.CompilerServices;
using Forebay.Core.Serving;

namespace Forebay.Gateway.Translation;

/// <summary>One client's request in the dialects that are not its own, each once a deployment that has to be asked in
/// it came into question.</summary>
internal sealed class ForeignRequests : IDisposable
{
    private Slots _byDialect;

    public ForeignRequest? this[Dialect dialect]
    {
        get => _byDialect[(int)dialect];
        set => _byDialect[(int)dialect] = value;
    }

    public void Dispose()
    {
        foreach (ForeignRequest? request in _byDialect)
        {
            request?.Dispose();
        }
    }

    /// <summary>One place for each value of <see cref="Dialect"/>.</summary>
    [InlineArray(4)]
    private struct Slots
    {
        private ForeignRequest? _first;
    }
}

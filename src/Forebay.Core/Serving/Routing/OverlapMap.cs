namespace Forebay.Core.Serving.Routing;

/// <summary>
/// How many leading blocks of one prompt each deployment's cache holds, by deployment number. Kept by one thread and
/// used again: clearing costs what was set. Allocates only while it grows.
/// </summary>
public sealed class OverlapMap
{
    private int[] _blocks = [];
    private ushort[] _set = [];
    private int _count;

    /// <summary>Blocks of the prompt that the deployment holds; 0 where nothing is known.</summary>
    public int this[int deployment] => (uint)deployment < (uint)_blocks.Length ? _blocks[deployment] : 0;

    /// <summary>Whether nobody holds anything.</summary>
    public bool IsEmpty => _count == 0;

    /// <summary>The same by position, for loops; shorter than there are deployments where the rest hold nothing.
    /// </summary>
    internal ReadOnlySpan<int> Blocks => IsEmpty ? [] : _blocks;

    /// <summary>Sets the overlap unless it is larger already.</summary>
    public void Raise(int deployment, int blocks)
    {
        if (deployment >= _blocks.Length)
        {
            Array.Resize(ref _blocks, Math.Max(64, (deployment + 1) * 2));
            Array.Resize(ref _set, _blocks.Length);
        }

        ref int held = ref _blocks[deployment];
        if (held == 0)
        {
            _set[_count++] = (ushort)deployment;
        }

        held = Math.Max(held, blocks);
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        for (int i = 0; i < _count; i++)
        {
            _blocks[_set[i]] = 0;
        }

        _count = 0;
    }
}

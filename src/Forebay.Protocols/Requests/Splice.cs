namespace Forebay.Protocols;

/// <summary>One change to a body: bytes taken out at a place and others put in.</summary>
/// <param name="Start">Offset in the original body.</param>
/// <param name="RemoveLength">Bytes of the original left out from there.</param>
/// <param name="Insert">Bytes written instead.</param>
public readonly record struct Splice(int Start, int RemoveLength, ReadOnlyMemory<byte> Insert)
{
    /// <summary>Offset in the original body where it goes on.</summary>
    public int End => Start + RemoveLength;
}

namespace Forebay.Core.Fleet;

/// <summary>A name as a number: FNV-1a over UTF-16, the same in every process.</summary>
internal static class NameHash
{
    public static ulong Of(string name)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 0x100000001b3;
        }

        return hash;
    }
}

using System.Text;

namespace Forebay.TestKit.Faults;

/// <summary>Puts every fault into the source at once, each behind its switch.</summary>
public static class FaultPatch
{
    /// <summary>The environment variable that switches a fault on.</summary>
    public const string Variable = "FOREBAY_FAULT";

    /// <summary>The switch, compiled into each project that has faults.</summary>
    public const string Switch =
        $$"""
        internal static class InjectedFault
        {
            private static readonly string? s_on = System.Environment.GetEnvironmentVariable("{{Variable}}");

            public static bool On(string id) => id == s_on;

            public static byte[] Swap(System.ReadOnlySpan<byte> bytes, string from, string to) =>
                System.Text.Encoding.UTF8.GetBytes(System.Text.Encoding.UTF8.GetString(bytes).Replace(from, to));
        }

        """;

    /// <summary>The source of a file with all its faults in it.</summary>
    /// <exception cref="InvalidOperationException">A text does not stand there exactly once, or two overlap.</exception>
    public static string Apply(string file, string source, IEnumerable<Fault> faults)
    {
        var changes = new List<(int Start, int End, string After, string Id)>();
        foreach (Fault fault in faults)
        {
            foreach (FaultEdit edit in fault.Edits.Where(e => e.File == file))
            {
                var places = edit.PlacesIn(source);
                if (places.Count != 1)
                {
                    throw new InvalidOperationException(
                        $"{fault.Id}: its text stands {places.Count} times in {file}, and must stand there once:\n" +
                        edit.Before);
                }

                string on = $"global::InjectedFault.On(\"{fault.Id}\")";
                changes.Add((places[0].Index, places[0].Index + places[0].Length,
                    edit.After.Replace("FAULT", on, StringComparison.Ordinal), fault.Id));
            }
        }

        var patched = new StringBuilder(source);
        int next = source.Length;
        foreach ((int start, int end, string after, string id) in changes.OrderByDescending(c => c.Start))
        {
            if (end > next)
            {
                throw new InvalidOperationException($"{id}: its text in {file} is also another fault's.");
            }

            patched.Remove(start, end - start).Insert(start, after);
            next = start;
        }

        return patched.ToString();
    }
}

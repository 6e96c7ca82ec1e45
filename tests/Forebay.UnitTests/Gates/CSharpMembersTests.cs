using Xunit;

namespace Forebay.UnitTests.Gates;

public sealed class CSharpMembersTests
{
    [Fact]
    public void Bodies_are_measured_whatever_their_strings_and_comments_hold()
    {
        const string text = """"
            namespace N;

            /// <summary>A { brace.</summary>
            public sealed class C(int x) : Base<int>
            {
                private const string A = "}", B = @"\", D = $"{{{x}}} {(x > 0 ? $"{x}" : "}")}";
                private readonly char _c = '}'; // }
                private static readonly string R = """
                    } } "quoted" }
                    """;

                public int P { get; init; } = 1;

                public void Short() /* { */
                {
                    if (x > 0)
                    {
                        x++;
                    }
                }

                [Any(typeof(int))]
                private record struct Nested(int Y)
                {
                    public int Deep<T>(T t) where T : class
                    {
                        return Y;
                    }
                }
            }
            """";

        IReadOnlyList<CSharpMember> members = CSharpMembers.In(text);

        Assert.Equal(
            [("public int P", 12, 1), ("public void Short()", 15, 6)],
            members.Take(2).Select(m => (m.Declaration, m.Line, m.BodyLines)));
        Assert.Equal(("public int Deep<T>(T t) where T : class", 3), (members[2].Declaration, members[2].BodyLines));
        Assert.Equal(3, members.Count);
    }

    [Fact]
    public void A_long_method_is_seen_as_long()
    {
        string body = string.Concat(Enumerable.Repeat("        x++;\n", 80));

        CSharpMember member = Assert.Single(CSharpMembers.In($"class C\n{{\n    void M()\n    {{\n{body}    }}\n}}\n"));

        Assert.Equal(82, member.BodyLines);
    }
}

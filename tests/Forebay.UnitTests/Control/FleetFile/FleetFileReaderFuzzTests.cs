using System.Text;
using Forebay.Control.FleetFile;
using Forebay.TestKit;
using Forebay.TestKit.Fuzzing;
using Xunit;

namespace Forebay.UnitTests.Control.FleetFile;

/// <summary>The reader on files that nobody meant to write. A failing case names its seed.</summary>
public sealed class FleetFileReaderFuzzTests
{
    private const int Cases = 1500;

    private static readonly string[] Pieces =
    [
        "\t", "\n", "\r", " ", "  ", ":", ": ", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "<<: *a", "? ", "!x ",
        "!!str ", "'", "\"", "|\n", ">\n", "#", "---\n", "...\n", "%YAML 1.2\n", "null", "~", "true", "-1", "1e999",
        "0x10", ".inf", "99999999999999999999999999", "-0.0000000000000000000000000000001", "2026-02-30", "\0",
        "\u0007", "\uFEFF", "\u2028", "\uD800", "é", "id: ", "value: ", "min: 5", "http://", "env:",
        "79228162514264337593543950335",
    ];

    [Fact]
    public void Mutated_examples_never_throw_and_every_problem_has_a_place_and_words()
    {
        string[] texts =
        [
            .. Directory.GetFiles(Path.Combine(SharedFiles.RepositoryRoot, "examples"), "*.yaml").Order()
                .Select(File.ReadAllText),
            Fixture.Whole,
        ];
        FuzzRun.Each("fleet files", Cases, random =>
        {
            // The short text most of the time: its every line matters, and it is quick.
            string original = random.Next(10) == 0 ? texts[random.Next(texts.Length)] : texts[^1];
            string mutated = Mutate(original, random);
            FleetFileResult result = Fixture.Read(mutated);

            Assert.True(result.Config is null == result.Problems.Count > 0);
            int lines = mutated.ReplaceLineEndings("\n").Count(c => c is '\n' or '\u2028') + 2;
            Assert.All(result.Problems, p =>
            {
                Assert.InRange(p.Line, 1, lines);
                Assert.True(p.Column >= 1 && p.Message.Length > 0, $"{p}");
                Assert.False(ProblemText.Format(p).Any(char.IsControl), $"{p}");
            });
        });
    }

    [Fact]
    public void Nested_and_repeated_structures_are_bounded()
    {
        string[] bombs =
        [
            new string('[', 200_000),
            "a: " + new string('{', 200_000),
            string.Concat(Enumerable.Repeat("- ", 50_000)),
            string.Concat(Enumerable.Range(0, 5_000).Select(i => new string(' ', i % 500) + "a:\n")),
            Laughs("providers: [{id: x}]", depth: 200),
            "x: &p [" + string.Join(",", Enumerable.Repeat("{id: x}", 1000)) + "]\nproviders: *p\n",
            "x: &p {id: a, name: b}\nproviders: [" + string.Join(",", Enumerable.Repeat("*p", 300_000)) + "]\n",
            "x: &p {<<: *p, id: a}\nproviders: [*p]\n",
        ];
        foreach (string bomb in bombs)
        {
            FleetFileResult result = Fixture.Read(bomb);
            Assert.Null(result.Config);
            Assert.InRange(result.Problems.Count, 1, 1001);
        }
    }

    private static string Laughs(string first, int depth)
    {
        var text = new StringBuilder("a0: &a0 {" + first + "}\n");
        for (int i = 1; i < depth; i++)
        {
            text.Append($"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}, *a{i - 1}], k{i}: [*a{i - 1}, *a{i - 1}]}}\n");
        }

        return text.Append($"<<: *a{depth - 1}\n").ToString();
    }

    private static string Mutate(string text, Random random)
    {
        var mutated = new StringBuilder(text);
        for (int edits = random.Next(1, 6); edits > 0; edits--)
        {
            int at = random.Next(mutated.Length + 1);
            int length = Math.Min(random.Next(1, 40), mutated.Length - at);
            switch (random.Next(4))
            {
                case 0:
                    mutated.Remove(at, length);
                    break;
                case 1:
                    mutated.Insert(at, Pieces[random.Next(Pieces.Length)]);
                    break;
                case 2:
                    string copy = mutated.ToString(at, length);
                    mutated.Insert(random.Next(mutated.Length + 1), copy);
                    break;
                default:
                    mutated.Remove(at, Math.Min(1, length)).Insert(at, (char)random.Next(0x20, 0x7F));
                    break;
            }
        }

        return mutated.ToString();
    }
}

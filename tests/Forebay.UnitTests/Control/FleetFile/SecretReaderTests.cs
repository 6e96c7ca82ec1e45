using Forebay.Control.FleetFile;
using Forebay.Core.Fleet;
using Xunit;

namespace Forebay.UnitTests.Control.FleetFile;

public sealed class SecretReaderTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    private readonly SecretReader _reader = new(name => name switch { "KEY" => "s3cret", "EMPTY" => "", _ => null });

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void A_variable_and_a_file_give_their_text_without_the_last_line_break()
    {
        File.WriteAllText(_file, "from file\r\n");

        Assert.True(_reader.TryRead("env:KEY", out string? fromVariable, out _));
        Assert.True(_reader.TryRead($"file:{_file}", out string? fromFile, out _));
        Assert.Equal(("s3cret", "from file"), (fromVariable, fromFile));

        File.WriteAllText(_file, "renewed");
        Assert.True(_reader.TryRead($"file:{_file}", out string? renewed, out _));
        Assert.Equal("renewed", renewed);
    }

    [Fact]
    public void An_identity_is_no_secret_and_stands_for_itself()
    {
        File.WriteAllText(_file, "{}");

        Assert.True(_reader.TryRead("google:adc", out string? own, out _));
        Assert.True(_reader.TryRead($"google:file/{_file}", out string? ofFile, out _));
        Assert.Equal(("google:adc", $"google:file/{_file}"), (own, ofFile));
    }

    [Theory]
    [InlineData("google:file//not/there.json", "the file of google:file//not/there.json is not there")]
    [InlineData("google:file/", "this is not a reference to a secret: write env:NAME or file:PATH")]
    [InlineData("google:adc2", "this is not a reference to a secret: write env:NAME or file:PATH")]
    [InlineData("env:NONE", "the environment variable of env:NONE is not set")]
    [InlineData("env:EMPTY", "env:EMPTY is empty")]
    [InlineData("file:/not/there", "the file of file:/not/there is not there")]
    [InlineData("file:/", "the file of file:/ may not be read by this user, or is a directory")]
    [InlineData("sk-pasted-secret", "this is not a reference to a secret: write env:NAME or file:PATH")]
    public void What_is_wrong_names_the_reference(string reference, string expected)
    {
        Assert.False(_reader.TryRead(reference, out string? secret, out string? problem));
        Assert.Null(secret);
        Assert.Equal(expected, problem);
    }

    [Fact]
    public void A_secret_that_would_break_a_header_is_refused_without_being_shown()
    {
        File.WriteAllText(_file, "first\nsecond");

        Assert.False(_reader.TryRead($"file:{_file}", out _, out string? problem));
        Assert.DoesNotContain("first", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_missing_secret_of_a_fleet_is_reported_at_its_key()
    {
        FleetConfig config = Fixture.Broken(
            "accelerators_per_replica: 8", "accelerators_per_replica: 8\n    credential: env:NONE").Config!;

        Assert.Equal("deployments[0].credential", Assert.Single(_reader.Check(config)).Path);
    }
}

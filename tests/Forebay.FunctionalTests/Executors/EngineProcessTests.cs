using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Forebay.Emulator;
using Forebay.Executors.Local;
using Forebay.FunctionalTests.Emulator;
using Xunit;

namespace Forebay.FunctionalTests.Executors;

public sealed class EngineProcessTests
{
    private static readonly string Dll = Path.Combine(AppContext.BaseDirectory, "forebay.dll");

    private static readonly EngineCommandLine Dotnet = new("dotnet", [Dll]);

    private static byte[] Spec => JsonSerializer.SerializeToUtf8Bytes(
        EmulatorFixture.Spec(1000, "a", "b"), EmulatorJson.Default.EmulatorSpec);

    [Fact]
    public async Task The_process_serves_what_it_was_told_and_ends_when_its_input_closes()
    {
        await using EngineProcess engine = await StartAsync(Dotnet, Spec);

        Assert.Equal(["a", "b"], engine.Endpoints.Keys.Order());
        using var http = new HttpClient();
        using var body = new StringContent(
            EmulatorFixture.Messages("hello"), Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        using HttpResponseMessage answer = await http.PostAsync(new Uri(engine.Endpoints["b"], "/v1/messages"), body);
        Assert.True(answer.IsSuccessStatusCode);
        Assert.False(engine.Exited.IsCompleted);

        Assert.True(await engine.StopAsync(TimeSpan.FromMinutes(1)));
        Assert.Equal(0, await engine.Exited);
    }

    [Fact]
    public async Task A_spec_written_by_hand_may_leave_out_what_has_a_default()
    {
        byte[] spec = """
            {"deployments":[{"id":"x","model":"m","accelerator":"H100-SXM","accelerators_per_replica":8,
            "description":{"id":"m","context_tokens":32768,"max_output_tokens":4096,
            "parameters_billion":{"value":70},"bytes_per_weight":1}}]}
            """u8.ToArray().Where(b => b != '\n').ToArray();
        await using EngineProcess engine = await StartAsync(Dotnet, spec);

        Assert.Equal("x", Assert.Single(engine.Endpoints).Key);
    }

    [Theory]
    [InlineData("""{"deployments":[{"id":"x","model":"m","faults":null}]}""", "faults")]
    [InlineData("""{"deployments":[{"id":"x"}]}""", "model")]
    [InlineData("{", "not valid")]
    public async Task A_spec_that_is_not_one_is_refused_in_words(string spec, string words)
    {
        EngineStartException refused = await Assert.ThrowsAsync<EngineStartException>(
            () => StartAsync(Dotnet, Encoding.UTF8.GetBytes(spec)));

        Assert.Contains(words, refused.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Unhandled", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_spec_that_cannot_start_is_reported_with_the_processs_words()
    {
        EngineStartException refused = await Assert.ThrowsAsync<EngineStartException>(
            () => StartAsync(Dotnet, "{\"deployments\":[]}"u8.ToArray()));

        Assert.Contains("deployments is empty", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_reported()
    {
        EngineStartException refused = await Assert.ThrowsAsync<EngineStartException>(
            () => StartAsync(new EngineCommandLine("/nowhere/forebay", []), Spec));

        Assert.Contains("/nowhere/forebay", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_process_ends_when_its_parent_is_killed()
    {
        string spec = Path.GetTempFileName();
        await File.WriteAllBytesAsync(spec, [.. Spec, (byte)'\n']);

        // The parent holds the write end of the engine's input and is killed as kill -9 does.
        var start = new ProcessStartInfo("sh")
        {
            RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(
            $"sh -c 'echo $$ >&2; cat \"{spec}\"; exec sleep 100000' | dotnet \"{Dll}\" engine --spec -");
        using Process pipeline = Process.Start(start)!;
        int parent = int.Parse((await pipeline.StandardError.ReadLineAsync())!);
        string ready = (await pipeline.StandardOutput.ReadLineAsync())!;
        Assert.Contains("http://127.0.0.1:", ready, StringComparison.Ordinal);

        using (Process victim = Process.GetProcessById(parent))
        {
            victim.Kill();
        }

        await pipeline.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, pipeline.ExitCode);
        File.Delete(spec);
    }

    private static Task<EngineProcess> StartAsync(EngineCommandLine command, byte[] spec) => EngineProcess.StartAsync(
        command, spec, TimeSpan.FromMinutes(2), TimeProvider.System, CancellationToken.None);
}

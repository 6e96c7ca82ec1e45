using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Forebay.FunctionalTests.Server;

/// <summary>An upstream that answers in both dialects, begins every answer and goes on only when let.</summary>
internal sealed class GatedUpstream : IAsyncDisposable
{
    private const int EventsBefore = 4;
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ScriptedUpstream _upstream = null!;

    public Uri Address => _upstream.Address;

    public int Received => _upstream.Requests.Count;

    public static async Task<GatedUpstream> StartAsync()
    {
        var gated = new GatedUpstream();
        gated._upstream = await ScriptedUpstream.StartAsync(gated.AnswerAsync);
        return gated;
    }

    /// <summary>Lets every answer finish.</summary>
    public void Open() => _open.TrySetResult();

    public ValueTask DisposeAsync()
    {
        Open();
        return _upstream.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext http, ReceivedRequest request)
    {
        bool anthropic = request.Path == "/v1/messages";
        if (!request.Text.Contains("\"stream\":true", StringComparison.Ordinal))
        {
            await _open.Task;
            await ScriptedUpstream.JsonAsync(
                http, 200, anthropic ? Answers.AnthropicMessage : Answers.OpenAiCompletion);
            return;
        }

        IReadOnlyList<string> events = anthropic ? Answers.AnthropicStream : Answers.OpenAiStream(withUsage: true);
        int before = Math.Min(EventsBefore, events.Count - 2);
        await ScriptedUpstream.StreamAsync(http, events.Take(before));
        await _open.Task;
        await ScriptedUpstream.StreamAsync(http, events.Skip(before));
    }
}

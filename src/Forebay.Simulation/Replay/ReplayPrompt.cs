using Forebay.Core.Serving.Engine;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay;

/// <summary>
/// The prompts of one conversation, turn by turn, as pieces of text that are made when they are sent: only the answers
/// received are held. Not safe for concurrent callers; a conversation has one turn at a time.
/// </summary>
/// <param name="runId">The run's id, which goes into every text.</param>
/// <param name="number">The conversation's number.</param>
internal sealed class ReplayPrompt(ulong runId, ulong number)
{
    private static readonly byte[] BeforeAnswer = "\"},{\"role\":\"assistant\",\"content\":\""u8.ToArray();
    private static readonly byte[] AfterAnswer = "\"},{\"role\":\"user\",\"content\":\""u8.ToArray();

    private readonly List<Piece> _pieces = [];
    private TraceRequest? _previous;
    private byte[] _answer = [];
    private int _turn;

    /// <summary>Bytes of the prompt inside its JSON string, message boundaries included.</summary>
    public long JsonBytes { get; private set; }

    /// <summary>Puts together the prompt of the next turn.</summary>
    public void Begin(TraceRequest request)
    {
        if (_previous is { } previous && request.Blocks.IsEmpty)
        {
            AddAnswer(previous);
            long spoken = (long)ReplayContent.InputTokens(previous) + ReplayContent.OutputTokens(previous);
            AddText(PromptText.OfTurn(runId, number, _turn), (int)Math.Max(1, request.InputTokens - spoken));
        }
        else
        {
            _pieces.Clear();
            JsonBytes = 0;
            AddWhole(request);
        }

        _previous = request;
        _answer = [];
        _turn++;
    }

    /// <summary>Takes the answer to the turn begun last, for the next turn's prompt.</summary>
    /// <param name="json">Its text as it stands inside a JSON string.</param>
    public void Answered(byte[] json) => _answer = json;

    /// <summary>Writes the prompt as it stands inside its JSON string.</summary>
    public async Task WriteAsync(Stream to, CancellationToken cancel)
    {
        foreach (Piece piece in _pieces)
        {
            if (piece.Text is { } text)
            {
                await to.WriteAsync(text, cancel).ConfigureAwait(false);
            }
            else
            {
                await PromptText.WriteAsync(to, piece.Identity, piece.Tokens, cancel).ConfigureAwait(false);
            }
        }
    }

    private void AddWhole(TraceRequest request)
    {
        int left = ReplayContent.InputTokens(request);
        foreach (int block in request.Blocks)
        {
            int tokens = Math.Min(left, TraceRequest.TokensPerBlock);
            AddText(PromptText.OfBlock(runId, block), tokens);
            left -= tokens;
        }

        AddText(PromptText.OfTurn(runId, number, _turn), left);
    }

    private void AddAnswer(TraceRequest previous)
    {
        AddRaw(BeforeAnswer);
        if (_answer.Length > 0)
        {
            AddRaw(_answer);
        }
        else
        {
            // An answer without text, such as a tool call: no API takes an empty message, so its length is kept.
            AddText(PromptText.OfTurn(runId, ~number, _turn), ReplayContent.OutputTokens(previous));
        }

        AddRaw(AfterAnswer);
    }

    private void AddText(ulong identity, int tokens)
    {
        if (tokens > 0)
        {
            _pieces.Add(new Piece(identity, tokens, null));
            JsonBytes += (long)tokens * EngineTokenizer.BytesPerToken;
        }
    }

    private void AddRaw(byte[] text)
    {
        _pieces.Add(new Piece(0, 0, text));
        JsonBytes += text.Length;
    }

    /// <summary>Bytes as they are, or the tokens of an identity's text.</summary>
    private readonly record struct Piece(ulong Identity, int Tokens, byte[]? Text);
}

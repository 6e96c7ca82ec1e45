using System.Text;

namespace Forebay.Protocols.Translation;

/// <summary>Writes parts as the chunks of an OpenAI stream.</summary>
internal sealed class OpenAiStreamWriter : StreamPartWriter
{
    private readonly byte[] _head;
    private readonly byte[] _tail;
    private readonly StreamObserver _observer;
    private readonly AnswerFrame _frame;
    private int _calls;
    private bool _lacksArguments;
    private bool _started;
    private bool _stopped;

    /// <param name="observer">Follows the upstream's stream; tells its usage at the end.</param>
    /// <param name="frame">What the answer says that the upstream's does not.</param>
    public OpenAiStreamWriter(StreamObserver observer, AnswerFrame frame)
    {
        _observer = observer;
        _frame = frame;
        string usage = frame.IncludeUsage ? ",\"usage\":null" : "";
        _head =
        [
            .. Encoding.ASCII.GetBytes(
                $$"""data: {"id":"chatcmpl-{{frame.Id}}","object":"chat.completion.chunk","created":{{frame.CreatedUnixSeconds}},"model":"""),
            .. frame.ModelJson.Span,
            .. ",\"system_fingerprint\":null"u8,
        ];
        _tail = Encoding.ASCII.GetBytes($$"""}]{{usage}}}{{"\n\n"}}""");
    }

    public override void Take(in StreamPart part, ref WireOutput to)
    {
        switch (part.Kind)
        {
            case StreamPartKind.Start:
                Start(ref to);
                break;
            case StreamPartKind.Text:
                WriteText(",\"choices\":[{\"index\":0,\"delta\":{\"content\":\""u8, part.Text, ref to);
                break;
            case StreamPartKind.Thinking:
                WriteText(",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\""u8, part.Text, ref to);
                break;
            case StreamPartKind.ToolUse:
                WriteCall(part, ref to);
                break;
            case StreamPartKind.BlockEnd:
                EndCall(ref to);
                break;
            case StreamPartKind.Stop:
                EndCall(ref to);
                Stop(part.Stop, ref to);
                break;
            case StreamPartKind.Ping:
                to.Raw(": ping\n\n"u8);
                break;
            case StreamPartKind.End:
                End(ref to);
                break;
        }
    }

    private void Start(ref WireOutput to)
    {
        if (_started)
        {
            return;
        }

        _started = true;
        to.Raw(_head);
        to.Raw(",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}"u8);
        EndChunk(ref to);
    }

    private void EndChunk(ref WireOutput to)
    {
        to.Raw(",\"logprobs\":null,\"finish_reason\":null"u8);
        to.Raw(_tail);
    }

    private void WriteText(scoped ReadOnlySpan<byte> start, scoped ReadOnlySpan<byte> text, ref WireOutput to)
    {
        if (text.IsEmpty)
        {
            return;
        }

        to.Raw(_head);
        to.Raw(start);
        to.Raw(text);
        to.Raw("\"}"u8);
        EndChunk(ref to);
    }

    private void WriteCall(in StreamPart part, ref WireOutput to)
    {
        bool isNew = part.Call >= _calls;
        if (!isNew && part.Text.IsEmpty)
        {
            return;
        }

        if (isNew)
        {
            EndCall(ref to);
        }

        _lacksArguments = part.Text.IsEmpty;

        to.Raw(_head);
        to.Raw(",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":"u8);
        to.Number(part.Call);
        if (isNew)
        {
            _calls = part.Call + 1;
            to.Raw(",\"id\":"u8);
            if (part.Id.IsEmpty)
            {
                AnswerWords.WriteMadeId(ref to, "call_"u8, _frame.Id, part.Call);
            }
            else
            {
                to.Quoted(part.Id);
            }

            to.Raw(",\"type\":\"function\",\"function\":{\"name\":"u8);
            to.Quoted(part.Name);
            to.Raw(",\"arguments\":\""u8);
        }
        else
        {
            to.Raw(",\"function\":{\"arguments\":\""u8);
        }

        if (part.IsObject)
        {
            to.Escaped(part.Text);
        }
        else
        {
            to.Raw(part.Text);
        }

        to.Raw("\"}}]}"u8);
        EndChunk(ref to);
    }

    /// <summary>A tool that takes nothing is called with an empty object; clients parse what they are given.</summary>
    private void EndCall(ref WireOutput to)
    {
        if (_lacksArguments)
        {
            WriteCall(new StreamPart { Kind = StreamPartKind.ToolUse, Call = _calls - 1, Text = "{}"u8 }, ref to);
        }
    }

    private void Stop(StopReason stop, ref WireOutput to)
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        to.Raw(_head);
        to.Raw(",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\""u8);
        to.Raw(AnswerWords.ToOpenAi(AnswerWords.Agreeing(stop, _calls > 0)));
        to.Raw((byte)'"');
        to.Raw(_tail);
    }

    private void End(ref WireOutput to)
    {
        Start(ref to);
        Stop(StopReason.EndTurn, ref to);
        if (_frame.IncludeUsage)
        {
            to.Raw(_head);
            to.Raw(",\"choices\":[],\"usage\":"u8);
            WireUsage usage = _observer.Usage.Known
                ? _observer.Usage
                : new WireUsage(true, _frame.EstimatedInputTokens, 0, 0, _observer.ContentEvents);
            AnswerWords.WriteOpenAiUsage(ref to, usage, _observer.ReasoningTokens);
            to.Raw("}\n\n"u8);
        }

        to.Raw("data: [DONE]\n\n"u8);
    }
}

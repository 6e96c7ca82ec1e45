using System.Buffers;
using Forebay.Protocols.Translation;

namespace Forebay.Protocols;

/// <summary>Translates whole answers between dialects, through one canonical form.</summary>
public static class AnswerTranslator
{
    /// <summary>Translates one answer. Cost is linear in its length.</summary>
    /// <param name="from">The dialect of the body.</param>
    /// <param name="to">The dialect to write.</param>
    /// <param name="body">A body that <see cref="ResponseReader"/> accepted and that is no error.</param>
    /// <param name="frame">What the answer says that the body does not.</param>
    /// <param name="output">Where the translated answer is written.</param>
    /// <returns>False when it cannot be said: a tool is called with what is no JSON object, or the upstream says that
    /// the model's output was malformed.</returns>
    public static bool TryTranslate(
        WireDialect from, WireDialect to, ReadOnlySpan<byte> body, AnswerFrame frame, IBufferWriter<byte> output)
    {
        CanonicalAnswer answer;
        switch (from)
        {
            case WireDialect.Anthropic:
                answer = AnthropicAnswerReader.Read(body);
                break;
            case WireDialect.Responses when ResponsesAnswerReader.TryRead(body, out answer):
                break;
            case WireDialect.Converse when ConverseAnswerReader.TryRead(body, out answer):
                break;
            case WireDialect.OpenAi when OpenAiAnswerReader.TryRead(body, out answer):
                break;
            default:
                return false;
        }

        switch (to)
        {
            case WireDialect.Anthropic:
                AnthropicAnswerWriter.Write(answer, body, frame, output);
                break;
            case WireDialect.Responses:
                ResponsesAnswerWriter.Write(answer, body, frame, output);
                break;
            default:
                OpenAiAnswerWriter.Write(answer, body, frame, output);
                break;
        }

        return true;
    }
}

using System.Text;
using Forebay.Protocols.Translation;

namespace Forebay.Protocols;

/// <summary>The reference page of translation, made from the table that translates.</summary>
public static class TranslationPage
{
    /// <summary>The page as Markdown.</summary>
    public static string Write()
    {
        var page = new StringBuilder("""
            # Translation between dialects

            A request is served by a deployment of the client's dialect where there is one: its bytes pass through.
            Where none is free, or none exists, a deployment of another dialect serves it, and the gateway
            translates request and answer. Whatever cannot be said in that dialect is either *dropped and named*,
            in the response header `x-forebay-dropped`, because the answer still answers what was asked; or *refused*
            with a 400 that names every such field at once (reason `untranslatable`), because dropping it would change
            what was asked. A field that is not in these tables is refused by its name. Where a deployment of the
            client's dialect exists too, a request that cannot be translated simply stays with those.

            `null` never harms, nor do the values in the column *no harm*.


            """);
        foreach ((WireDialect from, WireDialect to) in Pairs)
        {
            (IReadOnlyList<FieldScope> scopes, IReadOnlyList<KindScope> kinds) = FieldsOf(from);
            Append(page, from, to, scopes, kinds);
        }

        AppendAnswers(page);
        return page.ToString();
    }

    private static IReadOnlyList<(WireDialect From, WireDialect To)> Pairs { get; } =
    [
        (WireDialect.Anthropic, WireDialect.OpenAi),
        (WireDialect.OpenAi, WireDialect.Anthropic),
        (WireDialect.Responses, WireDialect.Anthropic),
        (WireDialect.Responses, WireDialect.OpenAi),
        (WireDialect.Anthropic, WireDialect.Responses),
        (WireDialect.OpenAi, WireDialect.Responses),
        (WireDialect.Anthropic, WireDialect.Converse),
        (WireDialect.OpenAi, WireDialect.Converse),
        (WireDialect.Responses, WireDialect.Converse),
    ];

    private static (IReadOnlyList<FieldScope> Scopes, IReadOnlyList<KindScope> Kinds) FieldsOf(WireDialect dialect) =>
        dialect switch
        {
            WireDialect.Anthropic => (AnthropicFields.Scopes, AnthropicFields.Kinds),
            WireDialect.Responses => (ResponsesFields.Scopes, ResponsesFields.Kinds),
            _ => (OpenAiFields.Scopes, OpenAiFields.Kinds),
        };

    private static string NameOf(WireDialect dialect) => dialect switch
    {
        WireDialect.Anthropic => "Anthropic Messages",
        WireDialect.Responses => "OpenAI Responses",
        WireDialect.Converse => "Bedrock Converse",
        _ => "OpenAI chat completions",
    };

    private static void Append(
        StringBuilder page,
        WireDialect from,
        WireDialect to,
        IReadOnlyList<FieldScope> scopes,
        IReadOnlyList<KindScope> kinds)
    {
        page.Append($"## {NameOf(from)} requests in {NameOf(to)}\n\n");
        page.Append("| field | | no harm |\n|---|---|---|\n");
        foreach (FieldScope scope in scopes)
        {
            foreach (FieldRow row in scope.Rows.Where(r => !IsByKind(r.Meaning)))
            {
                string path = scope.Path.Length == 0 ? row.Name : $"{scope.Path}.{row.Name}";
                string harmless = string.Join(", ", row.Harmless.Select(h => $"`{h}`"));
                page.Append($"| {Field(path)} | {Fate(to, row.Meaning)} | {harmless} |\n");
            }
        }

        page.Append($"\n| type | |\n|---|---|\n");
        foreach (KindScope scope in kinds)
        {
            foreach (FieldRow row in scope.Rows)
            {
                page.Append($"| `{scope.Path}` `{row.Name}` | {Fate(to, row.Meaning)} |\n");
            }

            page.Append($"| `{scope.Path}`, any other | {Fate(to, scope.Otherwise)} |\n");
        }

        page.Append($"| last message is the assistant's | {Fate(to, Meaning.Prefill)} |\n\n");
    }

    /// <summary>Whether the rows by type say what a field means.</summary>
    private static bool IsByKind(Meaning meaning) =>
        meaning is Meaning.ByKind or Meaning.Citations or Meaning.Signature;

    /// <summary>A path as code; words about the type stay outside of it.</summary>
    private static string Field(string path)
    {
        int words = path.IndexOf(" of ", StringComparison.Ordinal);
        int name = path.LastIndexOf('.');
        return words < 0 ? $"`{path}`" : $"`{path[..words]}{path[name..]}`{path[words..name]}";
    }

    private static string Fate(WireDialect target, Meaning meaning)
    {
        ref readonly MeaningRow row = ref TranslationTable.Toward(target, meaning);
        return row.Fate switch
        {
            FieldFate.Advisory => $"dropped, named `{row.Name}`",
            FieldFate.Refused => $"refused: {row.Note}",
            _ when row.Note.Length > 0 => $"carried: {row.Note}",
            _ => "carried",
        };
    }

    private static void AppendAnswers(StringBuilder page)
    {
        page.Append("## Why an answer ended\n\n| upstream | client |\n|---|---|\n");
        string[] anthropic =
        [
            "end_turn", "stop_sequence", "max_tokens", "model_context_window_exceeded", "tool_use", "refusal",
            "pause_turn",
        ];
        foreach (string word in anthropic)
        {
            ReadOnlySpan<byte> said = AnswerWords.ToOpenAi(AnswerWords.FromAnthropic(Encoding.ASCII.GetBytes(word)));
            page.Append($"| Anthropic `{word}` | OpenAI `{Encoding.ASCII.GetString(said)}` |\n");
        }

        foreach (string word in (string[])["stop", "length", "tool_calls", "function_call", "content_filter"])
        {
            ReadOnlySpan<byte> said = AnswerWords.ToAnthropic(AnswerWords.FromOpenAi(Encoding.ASCII.GetBytes(word)));
            page.Append($"| OpenAI `{word}` | Anthropic `{Encoding.ASCII.GetString(said)}` |\n");
        }

        AppendConverse(page);
        AppendProse(page);
    }

    private static void AppendProse(StringBuilder page) => page.Append("""

            A response is `completed`, or `incomplete` with `max_output_tokens` (both kinds of `length`) or
            `content_filter` (`refusal`).

            Converse's `malformed_model_output` and `malformed_tool_use` are no answers, and are tried elsewhere.
            An answer that calls tools ended for that, whatever the upstream said (`stop`, nothing); one that calls
            none did not. Where an engine names the stop sequence it met (`stop_reason` of vLLM, `matched_stop` of
            SGLang), an Anthropic client gets `stop_sequence` and its text. A `refusal` text becomes text, and ends
            with `refusal`.

            ## Usage

            Anthropic's `input_tokens` leave cache reads and writes out; OpenAI's `prompt_tokens` include them, in
            detail `cached_tokens` and `cache_write_tokens`, and so do the Responses dialect's.
            `output_tokens_details.thinking_tokens` and
            `completion_tokens_details.reasoning_tokens` are the same count. Where an upstream tells no usage an
            Anthropic client gets our estimate, since its dialect has no way to say nothing.

            ## Answers

            Ids are the client's kind (`msg_`, `chatcmpl-`) around the request's id; the model is called as the client
            called it. Tool calls keep their ids, but for characters that Anthropic does not take; one without gets
            one. Reasoning of OpenAI-dialect engines (`reasoning_content`, `reasoning`) becomes a thinking block with
            an empty signature, and goes back to them as `reasoning_content`; Anthropic's thinking becomes
            `reasoning_content`, and is dropped and named on its way back, since its signature is lost. Images and
            documents within tool results follow the results in a user message. A whole answer that calls a tool with
            what is no JSON object is no answer, and is tried elsewhere, unless it was cut short for its length: then
            the input is `{}`.

            A response of a translated answer says again what the request asked for, and `store: false`: nothing is
            kept, so its id is good for nothing, and a request that names a `previous_response_id` is refused. Send the
            whole input each time. Reasoning goes with it byte for byte: what another dialect's upstream has signed or
            encrypted stands behind a mark (`forebay.a.`, `forebay.x.`, `forebay.r.`) in `encrypted_content` of a
            Responses client, or in `signature` of an Anthropic client, and goes back, without the mark, to a deployment
            of the dialect that made it. Tools of a namespace are offered as `namespace__tool`; calls of them come back
            with `namespace` and `name`.

            An upstream's own 4xx keeps its status and message, in the client's envelope. Towards Anthropic
            `anthropic-version: 2023-06-01` is sent; headers that belong to one dialect (`anthropic-*`, `openai-*`)
            stay behind, betas by name in `x-forebay-dropped`. Tokens of a model that is served in the OpenAI dialect
            only are counted by our estimate, with `x-forebay-estimate: true`.

            ## Streams

            One upstream event becomes zero or more whole events. Towards Anthropic clients: `message_start` carries
            our estimate of the input, because OpenAI-dialect upstreams tell usage last; `message_delta` carries the
            real counts. One block is open at a time. Where tool calls come interleaved, what belongs to a later one
            is held back until the arguments of the earlier are a complete object, up to 8 MiB. Towards OpenAI
            clients: the role first, tool calls with index, id and name before their arguments, one chunk with the
            finish reason, a usage chunk where asked for, `[DONE]`; a `ping` becomes a comment. Towards Responses
            clients: `response.created` and `response.in_progress`, then each item from `response.output_item.added` to
            `response.output_item.done`, reasoning as a summary, and `response.completed` or `response.incomplete` with
            all of it and the usage, numbered without a gap. All of the answer is held for that, up to 4 MiB.

            """);

    private static void AppendConverse(StringBuilder page)
    {
        string[] converse =
        [
            "end_turn", "stop_sequence", "max_tokens", "model_context_window_exceeded", "tool_use",
            "guardrail_intervened", "content_filtered",
        ];
        foreach (string word in converse)
        {
            StopReason reason = AnswerWords.FromConverse(Encoding.ASCII.GetBytes(word));
            string anthropicWord = Encoding.ASCII.GetString(AnswerWords.ToAnthropic(reason));
            string openAiWord = Encoding.ASCII.GetString(AnswerWords.ToOpenAi(reason));
            page.Append($"| Converse `{word}` | Anthropic `{anthropicWord}`, OpenAI `{openAiWord}` |\n");
        }
    }
}

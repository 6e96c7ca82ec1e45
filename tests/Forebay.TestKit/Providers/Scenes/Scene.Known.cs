namespace Forebay.TestKit.Providers.Scenes;

/// <summary>The scenes there are.</summary>
public sealed partial record Scene
{
    /// <summary>What a scene thinks: characters that are easily spoilt by writing them again.</summary>
    public const string ThinkingWords = "Rain in Oslo \u2014 \"likely\" <b>&</b> 水 🌊 / \\ done.\n\tSo: no.";

    /// <summary>What it is signed with.</summary>
    public const string ThinkingSignature =
        "EqQBCgIYAhIM1gbcDa9GJwZA2b+hGgxBdjrkzLoky3dl1pk/iEgwOmQyQnYzWm9wZXJhdGlvbi8rKys9PT0vL3p6Wg==";

    /// <summary>Thinking that is not shown.</summary>
    public const string RedactedData =
        "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpPkNRj2YfWXGmKDxH4mPnZ5sQ7vB+u";

    /// <summary>The structure that <see cref="Structured"/> has.</summary>
    public const string StructuredText = """{"city":"Oslo","rain":true}""";

    private const string WeatherArguments = """{"city":"Oslo","days":[1,2],"note":"\"quoted\" \\ 水"}""";

    private const string TimeArguments = """{"zone":"Europe/Oslo"}""";

    public static Scene Text { get; } = new(
        "text",
        """[{"type":"text","text":"Hello there, 水!","citations":null}]""",
        "end_turn",
        """{"role":"assistant","content":"Hello there, 水!","refusal":null}""",
        "stop");

    /// <summary>One call of a tool.</summary>
    public static Scene Tool { get; } = new(
        "tool",
        $$$"""[{"type":"text","text":"Looking it up.","citations":null},{"type":"tool_use","id":"toolu_01","name":"weather","input":{{{WeatherArguments}}},"caller":{"type":"direct"}}]""",
        "tool_use",
        $$$"""{"role":"assistant","content":"Looking it up.","refusal":null,"tool_calls":[{"id":"toolu_01","type":"function","function":{"name":"weather","arguments":{{{Quoted(WeatherArguments)}}}}}]}""",
        "tool_calls");

    /// <summary>Two calls at once.</summary>
    public static Scene ParallelTools { get; } = new(
        "parallel tools",
        $$$"""[{"type":"tool_use","id":"toolu_01","name":"weather","input":{{{WeatherArguments}}},"caller":{"type":"direct"}},{"type":"tool_use","id":"toolu_02","name":"time","input":{{{TimeArguments}}},"caller":{"type":"direct"}}]""",
        "tool_use",
        $$$"""{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"toolu_01","type":"function","function":{"name":"weather","arguments":{{{Quoted(WeatherArguments)}}}}},{"id":"toolu_02","type":"function","function":{"name":"time","arguments":{{{Quoted(TimeArguments)}}}}}]}""",
        "tool_calls");

    /// <summary>Thinking before a call, signed; and some that is not shown.</summary>
    public static Scene Thinking { get; } = new(
        "thinking",
        $$"""[{"type":"thinking","thinking":{{Quoted(ThinkingWords)}},"signature":"{{ThinkingSignature}}"},{"type":"redacted_thinking","data":"{{RedactedData}}"},{"type":"text","text":"No rain.","citations":null}]""",
        "end_turn",
        $$"""{"role":"assistant","content":"No rain.","refusal":null,"reasoning_content":{{Quoted(ThinkingWords)}}}""",
        "stop")
    {
        ThinkingTokens = 4,
    };

    public static Scene Citations { get; } = new(
        "citations",
        """[{"type":"text","text":"It rains in Oslo.","citations":[{"type":"page_location","cited_text":"Oslo: rain","document_index":0,"document_title":"Weather","file_id":null,"start_page_number":1,"end_page_number":2}]}]""",
        "end_turn",
        """{"role":"assistant","content":"It rains in Oslo.","refusal":null,"annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":17,"title":"Weather","url":"https://weather.example/oslo"}}]}""",
        "stop");

    public static Scene Refusal { get; } = new(
        "refusal",
        """[{"type":"text","text":"I cannot help with that.","citations":null}]""",
        "refusal",
        """{"role":"assistant","content":null,"refusal":"I cannot help with that."}""",
        "stop")
    {
        StopDetails = """{"type":"refusal","category":"cyber","explanation":"Asks for malware."}""",
    };

    public static Scene Structured { get; } = new(
        "structured output",
        $$"""[{"type":"text","text":{{Quoted(StructuredText)}},"citations":null}]""",
        "end_turn",
        $$"""{"role":"assistant","content":{{Quoted(StructuredText)}},"refusal":null}""",
        "stop");

    public static Scene CutShort { get; } = new(
        "cut short",
        """[{"type":"text","text":"Once upon","citations":null}]""",
        "max_tokens",
        """{"role":"assistant","content":"Once upon","refusal":null}""",
        "length");

    public static Scene StoppedAt { get; } = new(
        "stop sequence",
        """[{"type":"text","text":"One, two","citations":null}]""",
        "stop_sequence",
        """{"role":"assistant","content":"One, two","refusal":null}""",
        "stop")
    {
        StopSequence = "\", three\"",
    };

    public static Scene LogProbabilities { get; } = Text with
    {
        Name = "log probabilities",
        LogProbs =
            """{"content":[{"token":"Hello","logprob":-0.25,"bytes":[72,101,108,108,111],"top_logprobs":[{"token":"Hello","logprob":-0.25,"bytes":[72,101,108,108,111]},{"token":"Hi","logprob":-1.5,"bytes":[72,105]}]}],"refusal":null}""",
    };

    /// <summary>Members, a content block and an event that came after every specification.</summary>
    public static Scene Unknown { get; } = new(
        "unknown",
        """[{"type":"text","text":"Hello","citations":null},{"type":"hologram","beams":[1,2.50,3e2],"of":{"a":null}}]""",
        "end_turn",
        """{"role":"assistant","content":"Hello","refusal":null,"hologram":{"beams":[1,2.50,3e2]}}""",
        "stop")
    {
        UnknownMembers = ""","aura":{"hue":0.10,"of":["\u0041",null]}""",
        UnknownEvents = ["""{"type":"aura_delta","hue":0.10}"""],
    };

    private static string Quoted(string text) =>
        System.Text.Json.JsonSerializer.Serialize(text, MessagePlayer.Plain);
}

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Forebay.Bench.Gateway;

/// <summary>The request bodies that are sent, as files for the load generators.</summary>
internal sealed class Bodies
{
    /// <summary>What the large body is made of: code, so that every few bytes of the JSON are an escape.</summary>
    private const string Code =
        "    if (lease[i].Pool != \"\\n\" && free > 0) {\n\t\treturn new Grant(\"a\\tb\", i, free);\n    }\n";

    private const int LargeBytes = 353_000;

    private readonly string _folder;

    public Bodies(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
        Small = Write("small.json", Chat("bench-model", stream: false));
        Stream = Write("stream.json", Chat("bench-model", stream: true));
        SmallTranslated = Write("small-translated.json", Chat("bench-translated", stream: false));
        StreamTranslated = Write("stream-translated.json", Chat("bench-translated", stream: true));
        SmallMessages = Write("small-messages.json", Messages(stream: false));
        StreamMessages = Write("stream-messages.json", Messages(stream: true));
        Paced20 = Write("paced-20.json", Chat("bench-paced-20", stream: true));
        Paced200 = Write("paced-200.json", Chat("bench-paced-200", stream: true));
        Large = Write("large.json", LargeChat());
    }

    public string Small { get; }

    public string Stream { get; }

    /// <summary>OpenAI's dialect, for a model that is served in Anthropic's only.</summary>
    public string SmallTranslated { get; }

    public string StreamTranslated { get; }

    /// <summary>Anthropic's dialect, for a model that is served in OpenAI's only.</summary>
    public string SmallMessages { get; }

    public string StreamMessages { get; }

    public string Paced20 { get; }

    public string Paced200 { get; }

    public string Large { get; }

    private static string Instructions => string.Concat(Enumerable.Repeat(
        "You are a careful assistant for a service that pools compute. ", 8));

    private static string Question => string.Concat(Enumerable.Repeat(
        "Say what a commitment is, what a lease is, and how limits follow capacity, in three sentences. ", 3));

    private static JsonObject Chat(string model, bool stream)
    {
        var body = new JsonObject
        {
            ["model"] = model,
            ["max_tokens"] = 64,
            ["temperature"] = 0.2,
            ["messages"] = new JsonArray(
                new JsonObject { ["role"] = "system", ["content"] = Instructions },
                new JsonObject { ["role"] = "user", ["content"] = Question }),
        };
        if (stream)
        {
            body["stream"] = true;
        }

        return body;
    }

    private static JsonObject Messages(bool stream)
    {
        var body = new JsonObject
        {
            ["model"] = "bench-model",
            ["max_tokens"] = 64,
            ["temperature"] = 0.2,
            ["system"] = Instructions,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = Question }),
        };
        if (stream)
        {
            body["stream"] = true;
        }

        return body;
    }

    private static JsonObject LargeChat()
    {
        var text = new StringBuilder();
        while (text.Length * 1.17 < LargeBytes)
        {
            text.Append(Code);
        }

        JsonObject body = Chat("bench-model", stream: false);
        body["messages"]![1]!["content"] = text.ToString();
        return body;
    }

    private string Write(string name, JsonObject body)
    {
        string path = Path.Combine(_folder, name);
        // Escaped as little as clients do it: only quotes, backslashes and controls.
        var options = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        File.WriteAllText(path, body.ToJsonString(options));
        return path;
    }
}

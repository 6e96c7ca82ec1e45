using System.Text.Json.Nodes;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

/// <summary>The order that the events of a Responses stream keep, and that what ends something says what came of it.
/// </summary>
internal static class ResponsesOrder
{
    public static void Check(IReadOnlyList<JsonNode> events)
    {
        string[] types = [.. events.Select(e => e["type"]!.GetValue<string>())];
        Assert.Equal(["response.created", "response.in_progress"], types.Take(2));
        Assert.Contains(types[^1], (string[])["response.completed", "response.incomplete", "response.failed"]);
        var open = new Dictionary<int, Item>();
        int next = 0;
        for (int i = 2; i < events.Count - 1; i++)
        {
            JsonNode ev = events[i];
            int index = ev["output_index"]!.GetValue<int>();
            switch (types[i])
            {
                case "response.output_item.added":
                    Assert.Equal(next++, index);
                    open.Add(index, new Item(ev["item"]!["id"]!.GetValue<string>()));
                    continue;
                case "response.output_item.done":
                    Item done = open[index];
                    Assert.Equal(done.Id, ev["item"]!["id"]!.GetValue<string>());
                    Assert.False(done.InPart);
                    Assert.Equal(done.Text, TextOf(ev["item"]!));
                    open.Remove(index);
                    continue;
            }

            Item item = open[index];
            Assert.Equal(item.Id, ev["item_id"]!.GetValue<string>());
            if (types[i].EndsWith(".delta", StringComparison.Ordinal))
            {
                Assert.True(item.InPart || item.Id.StartsWith("fc_", StringComparison.Ordinal));
                item.Text += ev["delta"]!.GetValue<string>();
            }
            else if (types[i].EndsWith("_part.added", StringComparison.Ordinal))
            {
                item.InPart = true;
            }
            else if (types[i].EndsWith("_part.done", StringComparison.Ordinal))
            {
                item.InPart = false;
                Assert.Equal(item.Text, ev["part"]!["text"]!.GetValue<string>());
            }
            else
            {
                Assert.Equal(item.Text, (ev["text"] ?? ev["arguments"])!.GetValue<string>());
            }
        }

        Assert.Empty(open);
    }

    private static string TextOf(JsonNode item) =>
        item["arguments"]?.GetValue<string>()
        ?? string.Concat((item["content"] ?? item["summary"])!.AsArray().Select(p => p!["text"]!.GetValue<string>()));

    private sealed class Item(string id)
    {
        public string Id => id;

        public string Text { get; set; } = "";

        public bool InPart { get; set; }
    }
}

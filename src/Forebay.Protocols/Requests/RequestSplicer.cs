namespace Forebay.Protocols;

/// <summary>What becomes of <c>inference_geo</c> on the way to an upstream; taken out where nothing else is
/// said.</summary>
/// <param name="Keep">The client's goes on as it is.</param>
/// <param name="Json">What is sent in its place, or added, as a quoted JSON string; empty for nothing.</param>
public readonly record struct GeographySplice(bool Keep, ReadOnlyMemory<byte> Json);

/// <summary>Says what must change in a body on its way to an upstream of the same dialect: the model's name, the flag
/// that makes an OpenAI stream report usage, where to compute the answer, and a byte order mark, which no JSON text may
/// carry.</summary>
public static class RequestSplicer
{
    private static readonly byte[] True = "true"u8.ToArray();
    private static readonly byte[] Flag = "\"include_usage\":true"u8.ToArray();
    private static readonly byte[] FlagAndComma = "\"include_usage\":true,"u8.ToArray();
    private static readonly byte[] Options = "{\"include_usage\":true}"u8.ToArray();
    private static readonly byte[] Member = "\"stream_options\":{\"include_usage\":true},"u8.ToArray();

    /// <summary>Whether the stream of an OpenAI client will lack usage unless it is asked for on the client's behalf.
    /// What that adds to the stream must then be taken out: <see cref="StreamRewrite.RemoveUsage"/>.</summary>
    public static bool LacksUsage(in RequestFacts facts) => facts.Stream && facts.IncludeUsage != true;

    /// <summary>The changes for one body.</summary>
    /// <param name="facts">What was read from the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="upstreamModelJson">The upstream's name for the model as a quoted JSON string; empty to keep the
    /// client's.</param>
    /// <param name="addIncludeUsage">Whether to ask for usage where <see cref="LacksUsage"/>. Only for the OpenAI
    /// dialect.</param>
    /// <param name="geography">What becomes of <c>inference_geo</c>; upstreams of the OpenAI dialect do not know it.
    /// </param>
    public static SpliceList For(
        in RequestFacts facts,
        ReadOnlySpan<byte> body,
        ReadOnlyMemory<byte> upstreamModelJson,
        bool addIncludeUsage,
        GeographySplice geography = default)
    {
        var splices = default(SpliceList);
        int mark = RequestReader.ByteOrderMarkLength(body);
        if (mark > 0)
        {
            splices.Add(new Splice(0, mark, default));
        }

        if (!upstreamModelJson.IsEmpty && !facts.ModelValue.Of(body).SequenceEqual(upstreamModelJson.Span))
        {
            splices.Add(new Splice(facts.ModelValue.Start, facts.ModelValue.Length, upstreamModelJson));
        }

        if (addIncludeUsage && LacksUsage(facts))
        {
            splices.Add(AskForUsage(facts, body));
        }

        AddGeography(ref splices, in facts, body, geography);
        return splices;
    }

    /// <summary>The member that asks an Anthropic account for a place, to stand first in an object that has others.
    /// </summary>
    public static Splice AskForGeography(int objectStart, ReadOnlyMemory<byte> json) =>
        new(objectStart, 0, (byte[])[.. "\"inference_geo\":"u8, .. json.Span, (byte)',']);

    private static void AddGeography(
        ref SpliceList splices, in RequestFacts facts, ReadOnlySpan<byte> body, GeographySplice geography)
    {
        ByteRange value = facts.InferenceGeoValue;
        if (!geography.Json.IsEmpty)
        {
            if (value.IsEmpty)
            {
                splices.Add(AskForGeography(facts.ObjectStart, geography.Json));
            }
            else if (!value.Of(body).SequenceEqual(geography.Json.Span))
            {
                splices.Add(new Splice(value.Start, value.Length, geography.Json));
            }
        }
        else if (!geography.Keep && !value.IsEmpty)
        {
            splices.Add(new Splice(facts.InferenceGeoMember.Start, facts.InferenceGeoMember.Length, default));
        }
    }

    private static Splice AskForUsage(in RequestFacts facts, ReadOnlySpan<byte> body)
    {
        if (!facts.IncludeUsageValue.IsEmpty)
        {
            return new Splice(facts.IncludeUsageValue.Start, facts.IncludeUsageValue.Length, True);
        }

        if (!facts.StreamOptionsValue.IsEmpty)
        {
            bool empty = facts.StreamOptionsValue.Of(body)[1..^1].IndexOfAnyExcept(" \t\r\n"u8) < 0;
            return new Splice(facts.StreamOptionsValue.Start + 1, 0, empty ? Flag : FlagAndComma);
        }

        // The body has a model and messages, so a comma after the new member is always right.
        return facts.StreamOptionsNull.IsEmpty
            ? new Splice(facts.ObjectStart, 0, Member)
            : new Splice(facts.StreamOptionsNull.Start, facts.StreamOptionsNull.Length, Options);
    }
}

namespace Forebay.Protocols;

/// <summary>What becomes of <c>inference_geo</c> on the way to an upstream; taken out where nothing else is
/// said.</summary>
/// <param name="Keep">The client's goes on as it is.</param>
/// <param name="Json">What is sent in its place, or added, as a quoted JSON string; empty for nothing.</param>
public readonly record struct GeographySplice(bool Keep, ReadOnlyMemory<byte> Json);

/// <summary>What must change in a body on its way to one upstream. Nothing does by default, but for geography, which
/// engines do not know.</summary>
public readonly record struct BodyChanges
{
    /// <summary>The upstream's name for the model as a quoted JSON string; empty to keep the client's.</summary>
    public ReadOnlyMemory<byte> ModelJson { get; init; }

    /// <summary>Members that stand in place of the model's, for a provider that names the model elsewhere, with commas
    /// between them; empty to keep the model.</summary>
    public ReadOnlyMemory<byte> ModelMember { get; init; }

    /// <summary>Whether <c>stream</c> is taken out, for a provider that is asked for a stream elsewhere.</summary>
    public bool DropStream { get; init; }

    /// <summary>Whether to ask for usage where <see cref="RequestSplicer.LacksUsage"/>. Only for OpenAI chat
    /// completions.</summary>
    public bool AddUsage { get; init; }

    /// <summary>What becomes of <c>inference_geo</c>; upstreams of the OpenAI dialects do not know it.</summary>
    public GeographySplice Geography { get; init; }
}

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

    private static ReadOnlySpan<byte> White => " \t\r\n"u8;

    private static ReadOnlySpan<byte> Between => " \t\r\n,"u8;

    /// <summary>Whether the stream of an OpenAI client will lack usage unless it is asked for on the client's behalf.
    /// What that adds to the stream must then be taken out: <see cref="StreamRewrite.RemoveUsage"/>.</summary>
    public static bool LacksUsage(in RequestFacts facts) => facts.Stream && facts.IncludeUsage != true;

    /// <summary>The changes for one body.</summary>
    /// <param name="facts">What was read from the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="changes">What must change.</param>
    public static SpliceList For(in RequestFacts facts, ReadOnlySpan<byte> body, in BodyChanges changes)
    {
        var splices = default(SpliceList);
        int mark = RequestReader.ByteOrderMarkLength(body);
        if (mark > 0)
        {
            splices.Add(new Splice(0, mark, default));
        }

        if (!changes.ModelMember.IsEmpty)
        {
            splices.Add(new Splice(facts.ModelMember.Start, facts.ModelMember.Length, changes.ModelMember));
        }
        else if (!changes.ModelJson.IsEmpty && !facts.ModelValue.Of(body).SequenceEqual(changes.ModelJson.Span))
        {
            splices.Add(new Splice(facts.ModelValue.Start, facts.ModelValue.Length, changes.ModelJson));
        }

        if (changes.AddUsage && LacksUsage(facts))
        {
            splices.Add(AskForUsage(facts, body));
        }

        bool dropGeography = AddGeography(ref splices, in facts, body, changes.Geography);
        ByteRange stream = changes.DropStream ? facts.StreamMember : default;
        ByteRange geography = dropGeography ? facts.InferenceGeoMember : default;
        Drop(
            ref splices,
            body,
            stream.Start <= geography.Start ? stream : geography,
            stream.Start <= geography.Start ? geography : stream);
        return splices;
    }

    /// <summary>The member that asks an Anthropic account for a place, to stand first in an object that has others.
    /// </summary>
    private static Splice AskForGeography(int objectStart, ReadOnlyMemory<byte> json) =>
        new(objectStart, 0, (byte[])[.. "\"inference_geo\":"u8, .. json.Span, (byte)',']);

    /// <summary>Whether the member is to be taken out.</summary>
    private static bool AddGeography(
        ref SpliceList splices, in RequestFacts facts, ReadOnlySpan<byte> body, GeographySplice geography)
    {
        ByteRange value = facts.InferenceGeoValue;
        if (geography.Json.IsEmpty)
        {
            return !geography.Keep && !value.IsEmpty;
        }

        if (value.IsEmpty)
        {
            splices.Add(AskForGeography(facts.ObjectStart, geography.Json));
        }
        else if (!value.Of(body).SequenceEqual(geography.Json.Span))
        {
            splices.Add(new Splice(value.Start, value.Length, geography.Json));
        }

        return false;
    }

    /// <summary>Takes members out so that what is left is whole: each with the comma behind it or, where none follows,
    /// with the one before it. Two that follow each other go as one.</summary>
    private static void Drop(ref SpliceList splices, ReadOnlySpan<byte> body, ByteRange first, ByteRange second)
    {
        if (!first.IsEmpty && !second.IsEmpty
            && body[first.End..second.Start].IndexOfAnyExcept(Between) < 0)
        {
            first = ByteRange.Between(first.Start, second.End);
            second = default;
        }

        Drop(ref splices, body, first);
        Drop(ref splices, body, second);
    }

    private static void Drop(ref SpliceList splices, ReadOnlySpan<byte> body, ByteRange member)
    {
        if (member.IsEmpty)
        {
            return;
        }

        int next = member.End + body[member.End..].IndexOfAnyExcept(White);
        if (body[next] == ',')
        {
            splices.Add(new Splice(member.Start, next + 1 - member.Start, default));
            return;
        }

        // The last one: a body has a model and messages, so one stands before it.
        int comma = body[..member.Start].LastIndexOf((byte)',');
        splices.Add(new Splice(comma, member.End - comma, default));
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

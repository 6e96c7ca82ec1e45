using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Bedrock;

/// <summary>What must change in a Messages body on its way to <c>InvokeModel</c>.</summary>
/// <param name="Splices">The changes; to be applied only without problems.</param>
/// <param name="Problems">Why Bedrock would not take the request, all of it; null for nothing.</param>
/// <param name="Dropped">Names of what was left out; null for nothing.</param>
public readonly record struct InvokeEdits(
    SpliceList Splices, IReadOnlyList<string>? Problems, IReadOnlyList<string>? Dropped);

/// <summary>
/// Makes an Anthropic Messages body one of <c>InvokeModel</c>: the client's own bytes without <c>model</c>,
/// <c>stream</c> and what Bedrock does not take, with <c>anthropic_version</c> and <c>anthropic_beta</c> at the front.
/// Costs a look at each top-level field; messages, tools and system are not read again.
/// </summary>
public static class InvokeRequest
{
    /// <summary>The version that every Claude model on Bedrock takes.</summary>
    public const string BaseVersion = "bedrock-2023-05-31";

    private const int LongestName = 24;

    private static readonly byte[] BaseHead = Head(BaseVersion, [], null);

    /// <summary>The changes for one body.</summary>
    /// <param name="facts">What <see cref="RequestReader"/> found in the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="version">Value of <c>anthropic_version</c>.</param>
    /// <param name="betas">Values of <c>anthropic_beta</c>; none leaves it out.</param>
    /// <param name="counts">Whether its tokens are only counted. Such a body says no <c>max_tokens</c>, which the one
    /// that is counted must have.</param>
    public static InvokeEdits For(
        in RequestFacts facts,
        ReadOnlySpan<byte> body,
        string version,
        IReadOnlyList<string> betas,
        bool counts = false)
    {
        var edits = new Edits(facts.ObjectStart);
        var cursor = new JsonCursor(body, RequestReader.ByteOrderMarkLength(body));
        Span<byte> scratch = stackalloc byte[LongestName];
        bool first = true;
        int end = facts.ObjectStart;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name); end = cursor.Position)
        {
            ReadOnlySpan<byte> member = name.Keyword(body, scratch);
            _ = cursor.Peek();
            int start = cursor.Position;
            int known = EndOfKnown(facts, start);
            if (known > 0)
            {
                cursor.JumpTo(known);
                continue;
            }

            _ = cursor.Skip();
            if (InvokeFields.Find(member, out ReadOnlySpan<byte[]> harmless) is { } field)
            {
                bool asksNothing = IsHarmless(body[start..cursor.Position], harmless);
                edits.Take(field, ByteRange.Between(end, cursor.Position), asksNothing);
            }
        }

        bool needsMost = counts && facts.MaxTokens is null;
        bool isBase = betas.Count == 0 && !needsMost && version == BaseVersion;
        return edits.Finish(isBase ? BaseHead : Head(version, betas, needsMost ? 1 : null));
    }

    /// <summary>Writes the body of a request that counts the tokens of another.</summary>
    public static void WriteCount(SpliceList splices, ReadOnlySpan<byte> body, IBufferWriter<byte> output)
    {
        byte[] invoke = new byte[Base64.GetMaxEncodedToUtf8Length(splices.ResultLength(body.Length))];
        var plain = new ArrayBufferWriter<byte>(invoke.Length);
        splices.WriteTo(body, plain);
        _ = Base64.EncodeToUtf8(plain.WrittenSpan, invoke, out _, out int length);
        output.Write("{\"input\":{\"invokeModel\":{\"body\":\""u8);
        output.Write(invoke.AsSpan(0, length));
        output.Write("\"}}}"u8);
    }

    /// <summary>Where one of the long values ends that are known already; 0 for any other.</summary>
    private static int EndOfKnown(in RequestFacts facts, int start) =>
        start == facts.Messages.Start ? facts.Messages.End
        : start == facts.Tools.Start ? facts.Tools.End
        : start == facts.System.Start ? facts.System.End
        : 0;

    private static bool IsHarmless(ReadOnlySpan<byte> value, ReadOnlySpan<byte[]> harmless)
    {
        bool found = value.SequenceEqual("null"u8);
        foreach (byte[] one in harmless)
        {
            found |= value.SequenceEqual(one);
        }

        return found;
    }

    /// <summary>The front of the body, up to the last value and without a comma behind it.</summary>
    private static byte[] Head(string version, IReadOnlyList<string> betas, int? maxTokens)
    {
        var head = new StringBuilder("{\"anthropic_version\":\"").Append(version).Append('"');
        for (int i = 0; i < betas.Count; i++)
        {
            head.Append(i == 0 ? ",\"anthropic_beta\":[\"" : "\",\"").Append(betas[i]);
        }

        head.Append(betas.Count > 0 ? "\"]" : "");
        if (maxTokens is { } most)
        {
            head.Append(",\"max_tokens\":").Append(most);
        }

        return Encoding.UTF8.GetBytes(head.ToString());
    }

    private struct Edits(int objectStart)
    {
        private readonly int _objectStart = objectStart;
        private SpliceList _splices;
        private List<string>? _problems;
        private List<string>? _dropped;
        private int _headEnd = objectStart;
        private uint _taken;

        /// <summary>Takes out a field, which runs from the end of the one before it: what is left needs no comma
        /// moved, since the front always ends with a value.</summary>
        public void Take(InvokeField field, ByteRange member, bool asksNothing)
        {
            int bit = BitOf(field);
            if ((_taken & 1u << bit) != 0)
            {
                Add(ref _problems, $"{field.Name}: stands more than once; send it once");
                return;
            }

            _taken |= 1u << bit;
            if (!asksNothing && field.Fate == InvokeFate.Refused)
            {
                Add(ref _problems, $"{field.Name}: {field.Note}");
                return;
            }

            if (!asksNothing && field.Fate == InvokeFate.Dropped)
            {
                Add(ref _dropped, field.Name);
            }

            // The first of all goes together with the front.
            bool touches = member.Start == _headEnd;
            _headEnd = touches ? member.End : _headEnd;
            if (touches || _problems is not null)
            {
                return;
            }

            if (_splices.Count < SpliceList.Capacity - 1)
            {
                _splices.Add(new Splice(member.Start, member.Length, default));
            }
            else
            {
                Add(ref _problems, $"{field.Name}: is one field too many that Bedrock does not take; leave it out");
            }
        }

        public InvokeEdits Finish(byte[] head)
        {
            if (_problems is not null)
            {
                return new InvokeEdits(default, _problems, _dropped);
            }

            bool isFirstKept = _headEnd == _objectStart;
            _splices.Add(new Splice(0, _headEnd, isFirstKept ? (byte[])[.. head, (byte)','] : head));
            return new InvokeEdits(_splices, null, _dropped);
        }

        private static int BitOf(InvokeField field)
        {
            for (int i = 0; i < InvokeFields.All.Count; i++)
            {
                if (ReferenceEquals(InvokeFields.All[i], field))
                {
                    return i;
                }
            }

            return 0;
        }

        private static void Add(ref List<string>? list, string text) => (list ??= []).Add(text);
    }
}
